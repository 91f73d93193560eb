/** Held-out errors of a run's students against what they have to beat, as a table for a terminal. */
import type { JobView, RunView, StandInError } from '../lib/core/run/index.ts';

const COLUMNS = ['interval', 'steps', 'student', 'first block', 'probes', 'removal', 'text', 'relative', ''];

/** Direction errors of the image stream unless the column says otherwise; a line of words under it. */
export function errorTable({ jobs, subsets }: Pick<RunView, 'jobs' | 'subsets'>): string {
  const rows = jobs.filter(({ interval }) => interval !== null).map(rowOf);
  const widths = COLUMNS.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const lines = [COLUMNS, ...rows].map((cells) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [
    'held-out direction error of the image stream (text: of the text stream; relative: ‖ĥ − h‖/‖h‖ of the image stream)',
    ...lines,
    ...subsets.map(({ plugged, fineTuned, outputError, facts }) => {
      const name = `${plugged.join(', ') || 'nothing'} plugged in${fineTuned ? ', fine-tuned' : ''}`;
      const right = facts ? `, ${((100 * facts.held) / facts.total).toFixed(1)} % of the caption facts right` : '';
      return `${name}: relative output error ${(100 * outputError).toFixed(2)} %${right}`;
    }),
    '',
  ].join('\n');
}

function rowOf({ key, state, step, heldOut, baselines }: JobView): string[] {
  const student = heldOut.at(-1)?.student ?? null;
  const others = [baselines?.firstBlock, baselines?.probes, baselines?.removal];
  const beaten = others.every((other) => other && student && student.image.direction < other.image.direction);
  return [
    key,
    String(step),
    ...[student, ...others].map((error) => direction(error)),
    student?.text ? student.text.direction.toPrecision(3) : 'n/a',
    student ? student.image.relative.toPrecision(3) : 'n/a',
    state !== 'done' ? state : beaten ? 'beats all three' : 'DOES NOT BEAT ALL THREE',
  ];
}

function direction(error: StandInError | null | undefined): string {
  return error ? error.image.direction.toPrecision(3) : 'n/a';
}
