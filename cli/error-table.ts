/** Held-out errors of a run's students against what they have to beat, a row for each stream of the model, for a terminal. */
import type { StreamSpec } from '../lib/core/model/config-index.ts';
import type { JobView, RunView, StandInError } from '../lib/core/run/index.ts';
import { wilsonInterval } from '../lib/core/wilson-interval.ts';

const COLUMNS = ['interval', 'stream', 'steps', 'student', 'first block', 'probes', 'removal', 'relative', ''];

/** Direction errors unless the column says otherwise; a line of words above them. */
export function errorTable({ jobs, subsets, plan }: Pick<RunView, 'jobs' | 'subsets' | 'plan'>): string {
  const { streams } = plan.model;
  const rows = jobs.filter(({ kind }) => kind === 'student').flatMap((job) => streams.map((one) => rowOf(job, one)));
  const widths = COLUMNS.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const lines = [COLUMNS, ...rows].map((cells) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [
    'held-out direction error of each stream (relative: ‖ĥ − h‖/‖h‖ of the student)',
    ...lines,
    ...narrowLines(jobs),
    ...subsets.map(({ plugged, fineTuned, outputError, outputErrorBounds, facts }) => {
      const name = `${plugged.join(', ') || 'nothing'} plugged in${fineTuned ? ', fine-tuned' : ''}`;
      const right = facts ? `, ${facts.held} of ${facts.total} caption facts right${factRange(facts)}` : '';
      const range = outputErrorBounds ? ` (95 %: ${percents(outputErrorBounds)})` : '';
      return `${name}: relative output error ${(100 * outputError).toFixed(2)} %${range}${right}`;
    }),
    '',
  ].join('\n');
}

/** Of jobs that make blocks narrower: direction errors of the closed form and of training, the relative error of modulations' outputs. */
function narrowLines(jobs: readonly JobView[]): string[] {
  const own = jobs.filter(({ narrow }) => narrow);
  if (own.length === 0) return [];
  return [
    'held-out error of linear maps (direction, by stream) and of shared modulations (output, relative): closed form → trained',
    ...own.map(({ key, kind, state, heldOut, kept }) => {
      const [first, last] = [heldOut.find(({ step }) => step === 0)?.student, heldOut.at(-1)?.student];
      const figures = Object.entries(last ?? {}).flatMap(([stream, error]) => {
        const before = first?.[stream];
        if (!error || !before) return [];
        const of = kind === 'maps' ? 'direction' : 'relative';
        return [`${stream} ${before[of].toPrecision(3)} → ${error[of].toPrecision(3)}`];
      });
      const verdict = kept === 'trained' ? 'trained kept' : kept === 'start' ? 'closed form kept' : state;
      return `${key}  ${[...figures, verdict].join('  ')}`;
    }),
  ];
}

const factRange = ({ held, total }: { readonly held: number; readonly total: number }): string =>
  total > 0 ? ` (95 %: ${percents(wilsonInterval(held, total))})` : '';

const percents = ({ low, high }: { readonly low: number; readonly high: number }): string =>
  `${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)} %`;

function rowOf({ key, state, step, heldOut, baselines }: JobView, { id, label }: StreamSpec): string[] {
  const of = (error: StandInError | null | undefined) => error?.[id] ?? null;
  const student = of(heldOut.at(-1)?.student);
  const others = [of(baselines?.firstBlock), of(baselines?.probes), of(baselines?.removal)];
  return [
    key,
    label,
    String(step),
    ...[student, ...others].map((error) => error?.direction.toPrecision(3) ?? 'n/a'),
    student?.relative.toPrecision(3) ?? 'n/a',
    verdict(),
  ];

  function verdict(): string {
    if (state !== 'done') return state;
    // Measured, and left out: the interval's last block does not update the stream, or nothing reads it.
    if (student === null) return heldOut.length > 0 ? 'takes no part' : '';
    const beaten = others.every((other) => other !== null && student.direction < other.direction);
    return beaten ? 'beats all three' : 'DOES NOT BEAT ALL THREE';
  }
}
