/**
 * The shade between the lower and the upper bound of a curve, as wide as resampled prompts spread it. Pure: two rows of
 * numbers and scales in, one mark out.
 */
import { type BlockAxis, centreOf } from './block-axis.ts';
import { type Mark, mark } from './marks.ts';

export const BOUNDS_OPACITY = 0.16;

type Row = readonly (number | null)[];

/** Broken where either bound is missing, and in front of each of the blocks `ends`. */
export function drawBounds(
  low: Row,
  high: Row,
  axis: BlockAxis,
  scale: (value: number) => number,
  colour: string,
  ends: readonly number[] = [],
): Mark[] {
  const runs: number[][] = [];
  for (const [k, value] of low.entries()) {
    if (value === null || (high[k] ?? null) === null) continue;
    const open = runs.at(-1);
    if (open && open.at(-1) === k - 1 && !ends.includes(k)) open.push(k);
    else runs.push([k]);
  }
  const point = (k: number, row: Row) => `${round(centreOf(axis, k))} ${round(scale(row[k] ?? 0))}`;
  const d = runs
    .filter(({ length }) => length > 1)
    .map((run) => `M${[...run.map((k) => point(k, high)), ...run.toReversed().map((k) => point(k, low))].join('L')}Z`)
    .join('');
  return d === '' ? [] : [mark('path', { d, fill: colour, 'fill-opacity': BOUNDS_OPACITY })];
}

const round = (value: number): number => Math.round(value * 100) / 100;
