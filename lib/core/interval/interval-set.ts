/**
 * The chosen intervals: sorted, disjoint, each of at least two blocks and inside the model. Pure functions that return
 * a new set; none can make an overlap. The rule where a new interval meets old ones is "the last gesture gets its
 * blocks": it stands exactly as drawn, and of the old ones stays what is outside it, if that is still two blocks.
 * Members may carry more than their ends (an edit says what replaces the run): pieces and moved intervals keep it.
 */
import type { BlockInterval, Depth } from './interval.ts';

export type IntervalSet = readonly BlockInterval[];
export type Edge = 'first' | 'last';

export const NO_INTERVALS: IntervalSet = [];
const MIN_BLOCKS = 2;

export function blockCount({ first, last }: BlockInterval): number {
  return last - first + 1;
}

/** Why `first..last` can not be an interval of the model, in one sentence, or null if it can. */
export function whyNoInterval({ first, last }: BlockInterval, { numBlocks, stacks = [] }: Depth): string | null {
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last)) return 'Blocks are numbered in whole numbers.';
  if (first < 0 || last >= numBlocks) return `The model's blocks are 0 to ${numBlocks - 1}.`;
  if (last < first) return 'The first block comes after the last.';
  if (last === first) return 'One block alone is no interval: it would stand for itself.';
  const seam = stacks.find((stack) => first < stack.first && stack.first <= last)?.first;
  if (seam !== undefined) {
    return `Blocks ${seam - 1} and ${seam} are of different stacks: no block of one can stand for a block of the other.`;
  }
  return null;
}

export function sameInterval(a: BlockInterval, b: BlockInterval): boolean {
  return a.first === b.first && a.last === b.last;
}

export function sameIntervals(a: IntervalSet, b: IntervalSet): boolean {
  return a.length === b.length && a.every((interval, i) => sameInterval(interval, b[i]!));
}

export function overlap(a: BlockInterval, b: BlockInterval): boolean {
  return a.first <= b.last && b.first <= a.last;
}

export function containsInterval(set: IntervalSet, wanted: BlockInterval): boolean {
  return set.some((interval) => sameInterval(interval, wanted));
}

export function intervalAt<I extends BlockInterval>(set: readonly I[], block: number): I | null {
  return set.find(({ first, last }) => first <= block && block <= last) ?? null;
}

/** Blocks that go: each interval keeps one. The published 13 intervals of Qwen-Image remove 25 of 60. */
export function removedCount(set: IntervalSet): number {
  return set.reduce((removed, { first, last }) => removed + last - first, 0);
}

/** The blocks that go, ascending: every interval's but its first. */
export function removedBlocks(set: IntervalSet): number[] {
  return set.flatMap(({ first, last }) => Array.from({ length: last - first }, (_, i) => first + 1 + i));
}

/** Sum of a number per block over the blocks that go. */
/** `atEnd`: what is added where a run from this block reaches the last one (`BlockSpec.savesAtEnd`); nothing unless given. */
export function sumOverRemoved(
  set: IntervalSet,
  perBlock: readonly number[],
  atEnd: readonly number[] | undefined = [],
): number {
  const toEnd = set.find(({ last }) => last === perBlock.length - 1);
  const more = (toEnd && atEnd[toEnd.first]) ?? 0;
  return removedBlocks(set).reduce((sum, block) => sum + (perBlock[block] ?? 0), more);
}

/**
 * With the drawn run in it, ends in either order, cut to the model and to the stack that it was begun in (`drawn.first`);
 * unchanged if no two blocks of it are inside.
 */
export function addInterval<I extends BlockInterval>(set: readonly I[], drawn: I, depth: Depth): readonly I[] {
  const stack = stackAround(clamp(drawn.first, 0, depth.numBlocks - 1), depth);
  const first = Math.max(stack.first, Math.min(drawn.first, drawn.last));
  const last = Math.min(stack.last, Math.max(drawn.first, drawn.last));
  const added: I = { ...drawn, first, last };
  if (whyNoInterval(added, depth) !== null || containsInterval(set, added)) return set;
  const rest = set.flatMap((old) =>
    overlap(old, added)
      ? [
          { ...old, last: first - 1 },
          { ...old, first: last + 1 },
        ].filter((piece) => blockCount(piece) >= MIN_BLOCKS)
      : [old],
  );
  return sorted([...rest, added]);
}

/** Without the interval if exactly it is chosen, else with it. */
export function toggleInterval<I extends BlockInterval>(set: readonly I[], interval: I, depth: Depth): readonly I[] {
  return containsInterval(set, interval) ? removeInterval(set, interval) : addInterval(set, interval, depth);
}

export function removeInterval<I extends BlockInterval>(set: readonly I[], interval: BlockInterval): readonly I[] {
  return containsInterval(set, interval) ? set.filter((old) => !sameInterval(old, interval)) : set;
}

/**
 * One edge of a chosen interval to `block`, as far as the neighbours, the model's ends and the shortest length let it.
 * The interval is known by its other edge, so that a drag may go on naming it as it was when the drag began.
 */
export function moveEdge<I extends BlockInterval>(
  set: readonly I[],
  interval: BlockInterval,
  edge: Edge,
  block: number,
  depth: Depth,
): readonly I[] {
  const fixed: Edge = edge === 'first' ? 'last' : 'first';
  const index = set.findIndex((old) => old[fixed] === interval[fixed]);
  const old = set[index];
  if (old === undefined) return set;
  const { from, to } = roomOf(set, index, depth);
  const moved: I =
    edge === 'first'
      ? { ...old, first: clamp(block, from, old.last - 1) }
      : { ...old, last: clamp(block, old.first + 1, to) };
  return sameInterval(old, moved) ? set : set.with(index, moved);
}

/** The whole interval by so many blocks, as far as there is room. */
export function shiftInterval<I extends BlockInterval>(
  set: readonly I[],
  interval: BlockInterval,
  by: number,
  depth: Depth,
): readonly I[] {
  const index = set.findIndex((old) => sameInterval(old, interval));
  const old = set[index];
  if (old === undefined) return set;
  const { from, to } = roomOf(set, index, depth);
  const step = clamp(Math.round(by), from - old.first, to - old.last);
  return step === 0 ? set : set.with(index, { ...old, first: old.first + step, last: old.last + step });
}

/** Blocks that the interval at `index` could reach without touching a neighbour or leaving its stack. */
function roomOf(set: IntervalSet, index: number, depth: Depth): { from: number; to: number } {
  const stack = stackAround(set[index]!.first, depth);
  return {
    from: Math.max(stack.first, (set[index - 1]?.last ?? -1) + 1),
    to: Math.min(stack.last, (set[index + 1]?.first ?? depth.numBlocks) - 1),
  };
}

/** The stack that a block is in. */
export function stackAround(block: number, { numBlocks, stacks = [] }: Depth): BlockInterval {
  return stacks.find(({ first, last }) => first <= block && block <= last) ?? { first: 0, last: numBlocks - 1 };
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, Math.round(value)));
}

export function sorted<I extends BlockInterval>(intervals: readonly I[]): readonly I[] {
  return [...intervals].sort((a, b) => a.first - b.first);
}
