/**
 * A choice of runs as text for addresses: `3-4.7-9p`. A run without a letter is replaced by the default, which the address
 * names apart from it; the letters are r (removed), p (probes) and s (student).
 */
import { type Depth, formatIntervalKey, parseIntervalKey } from '../interval/index.ts';
import { type EditSet, type RunReplacement, runEdit } from './edit.ts';
import { editSetOf } from './edit-set.ts';

const LETTERS: Readonly<Record<RunReplacement, string>> = { nothing: 'r', probes: 'p', student: 's' };
const REPLACEMENTS: ReadonlyMap<string, RunReplacement> = new Map([
  ['r', 'nothing'],
  ['p', 'probes'],
  ['s', 'student'],
]);
const EXPECTED = 'first-last, then r (removed), p (probes), s (student) or no letter, as in 3-4.7-9p';

export function formatEditParam(edits: EditSet, byDefault: RunReplacement): string {
  return edits.map((edit) => `${formatIntervalKey(edit)}${edit.by === byDefault ? '' : LETTERS[edit.by]}`).join('.');
}

/** Throws `plan-invalid`, naming `where`. */
export function parseEditParam(text: string, byDefault: RunReplacement, depth: Depth, where: string): EditSet {
  const edits = (text === '' ? [] : text.split('.')).map((part) => {
    const by = REPLACEMENTS.get(part.slice(-1));
    const interval = parseIntervalKey(by === undefined ? part : part.slice(0, -1), EXPECTED, where);
    return runEdit(interval, by ?? byDefault);
  });
  return editSetOf(edits, depth, where);
}
