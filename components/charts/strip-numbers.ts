/**
 * Which blocks of the strip show their numbers, and where: the blocks under the pointer and the ends of every chosen
 * interval always do, the regular ones where there is room beside them. Two numbers that cannot stand side by side,
 * as those of a short interval among sixty blocks, stand one above the other.
 */
import { type BlockInterval, intervalAt } from '@/lib/core/interval/index.ts';
import { type BlockAxis, centreOf, endOf, labelledBlocks, startOf } from './block-axis.ts';
import type { Hover } from './types.ts';

export interface StripNumber {
  readonly block: number;
  /** Its middle. */
  readonly x: number;
  readonly row: 'middle' | 'upper' | 'lower';
  readonly chosen: boolean;
  readonly lit: boolean;
}

/** Room for two digits of 11 px. */
const PAIR_WIDTH = 17;
const HALF = 8;
/** Middle of a number beside the grip at a span's edge. */
const GRIP_INSET = 16;
/** A regular number keeps further away from one that must be there. */
const REGULAR_GAP = 21;

export function stripNumbers(
  axis: BlockAxis,
  selection: readonly BlockInterval[],
  { block = null, other = null }: Partial<Hover> = {},
): readonly StripNumber[] {
  const numbers: StripNumber[] = [];
  const lit = new Set([block, other].filter((each) => each !== null));
  const place = (at: number, x: number, row: StripNumber['row'], gap: number): void => {
    const taken = numbers.some(
      (one) =>
        one.block === at ||
        (Math.abs(one.x - x) < gap && (row === 'middle' || one.row === 'middle' || one.row === row)),
    );
    if (taken) return;
    numbers.push({ block: at, x, row, chosen: intervalAt(selection, at) !== null, lit: lit.has(at) });
  };
  const placePair = (first: number, last: number, inset = 0) => {
    const from = Math.max(centreOf(axis, first), startOf(axis, first) + inset);
    const to = Math.min(centreOf(axis, last), endOf(axis, last) - inset);
    if (to - from >= PAIR_WIDTH || first === last) {
      place(first, from, 'middle', PAIR_WIDTH);
      place(last, to, 'middle', PAIR_WIDTH);
    } else {
      place(first, (from + to) / 2, 'upper', PAIR_WIDTH - 3);
      place(last, (from + to) / 2, 'lower', PAIR_WIDTH - 3);
    }
  };
  // The number under the pointer stays where it is when its block is an end of a chosen interval.
  for (const { first, last } of selection) if (lit.has(first) || lit.has(last)) placePair(first, last, GRIP_INSET);
  if (lit.size > 0) placePair(Math.min(...lit), Math.max(...lit));
  for (const { first, last } of selection) placePair(first, last, GRIP_INSET);
  for (const regular of [...axis.seams, ...labelledBlocks(axis)]) {
    const x = centreOf(axis, regular);
    // Beside a chosen span, no number runs into it.
    const overruns = selection.some(
      ({ first, last }) =>
        (regular < first && x + HALF > startOf(axis, first)) || (regular > last && x - HALF < endOf(axis, last)),
    );
    if (!overruns) place(regular, x, 'middle', REGULAR_GAP);
  }
  return numbers;
}
