/**
 * A choice of runs as text for addresses: `3-4.7-9p`. A run without a letter is replaced by the default, which the address
 * names apart from it; the letters are r (removed), p (probes) and s (student).
 */
import { ContiguaError } from '../errors.ts';
import { type Depth, formatIntervalKey, parseIntervalParam } from '../interval/index.ts';
import { type EditSet, type RunReplacement, runEdit } from './edit.ts';

const LETTERS: Readonly<Record<RunReplacement, string>> = { nothing: 'r', probes: 'p', student: 's' };
const REPLACEMENTS: ReadonlyMap<string, RunReplacement> = new Map([
  ['r', 'nothing'],
  ['p', 'probes'],
  ['s', 'student'],
]);

export function formatEditParam(edits: EditSet, byDefault: RunReplacement): string {
  return edits.map((edit) => `${formatIntervalKey(edit)}${edit.by === byDefault ? '' : LETTERS[edit.by]}`).join('.');
}

/** Throws `plan-invalid`, naming `where`. */
export function parseEditParam(text: string, byDefault: RunReplacement, depth: Depth, where: string): EditSet {
  const letters = new Map<string, RunReplacement>();
  const intervals = text.replace(/(\d+-\d+)([a-z])/g, (whole, run: string, letter: string) => {
    const by = REPLACEMENTS.get(letter);
    if (by === undefined) {
      throw new ContiguaError('plan-invalid', 'Intervals are not readable', {
        file: where,
        found: whole,
        expected: 'first-last, then r (removed), p (probes), s (student) or nothing',
      });
    }
    letters.set(run, by);
    return run;
  });
  return parseIntervalParam(intervals, depth, where).map((interval) =>
    runEdit(interval, letters.get(formatIntervalKey(interval)) ?? byDefault),
  );
}
