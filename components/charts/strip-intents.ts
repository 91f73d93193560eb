/**
 * What a gesture on the strip means, as pure functions: where a drag may end, what Enter does, how far an edge may go.
 * A new interval takes its blocks from older ones (lib/core/interval), so only impossible blocks and seams stand in its way.
 */
import type { BlockInterval, Depth } from '@/lib/core/interval/index.ts';
import { intervalAt, overlap, stackAround, whyNoInterval } from '@/lib/core/interval/index.ts';
import type { ImpossibleRange, IntervalEdge } from './types.ts';

export interface DrawnRange {
  /** What can be chosen of it, from the anchor on; null when the anchor itself cannot. */
  readonly range: BlockInterval | null;
  /** The blocks beyond, which the gesture covered in vain. */
  readonly refused: ImpossibleRange | null;
}

/** Blocks from `anchor` to `to`, stopping before the first impossible one and at a seam. */
export function drawnRange(
  anchor: number,
  to: number,
  impossible: readonly ImpossibleRange[],
  depth: Depth,
): DrawnRange {
  const direction = to < anchor ? -1 : 1;
  const stack = stackAround(anchor, depth);
  const free = (block: number) => stack.first <= block && block <= stack.last && !intervalAt(impossible, block);
  if (!free(anchor)) {
    const whole = inOrder(anchor, to);
    return { range: null, refused: { ...whole, reason: refusalOf(whole, impossible) ?? '' } };
  }
  let reached = anchor;
  while (reached !== to && free(reached + direction)) reached += direction;
  const range = inOrder(anchor, reached);
  if (reached === to) return { range, refused: null };
  const beyond = reached + direction;
  const reason =
    refusalOf({ first: beyond, last: beyond }, impossible) ?? whyNoInterval(inOrder(anchor, beyond), depth);
  return { range, refused: { ...inOrder(beyond, to), reason: reason ?? '' } };
}

/** The interval that a brush covers, cut to the stack of the cell that it began in; null when that is no interval. */
export function brushed(covered: BlockInterval, from: BlockInterval, depth: Depth): DrawnRange {
  const stack = stackAround(from.first, depth);
  const began = from.last <= stack.last;
  const cut = { first: Math.max(covered.first, stack.first), last: Math.min(covered.last, stack.last) };
  const crosses = covered.first < stack.first || covered.last > stack.last;
  if (!crosses) return { range: covered, refused: null };
  return { range: began ? cut : null, refused: { ...covered, reason: whyNoInterval(covered, depth) ?? '' } };
}

const inOrder = (a: number, b: number): BlockInterval => ({ first: Math.min(a, b), last: Math.max(a, b) });

/** An interval holds at least two blocks: replacing one block by one block removes nothing. */
export const isInterval = (range: BlockInterval | null): range is BlockInterval =>
  range !== null && range.last > range.first;

/** Where an edge may go: at least two blocks stay, no `taken` block is overrun and no seam is crossed. */
export function edgeLimits(
  interval: BlockInterval,
  edge: IntervalEdge,
  taken: readonly BlockInterval[],
  depth: Depth,
): readonly [lowest: number, highest: number] {
  const stack = stackAround(interval.first, depth);
  if (edge === 'first') {
    const before = taken.filter(({ last }) => last < interval.first).map(({ last }) => last + 1);
    return [Math.max(stack.first, ...before), interval.last - 1];
  }
  const after = taken.filter(({ first }) => first > interval.last).map(({ first }) => first - 1);
  return [interval.first + 1, Math.min(stack.last, ...after)];
}

/** The blocks between where an edge must stop and where it was asked to go, when a seam is in the way. */
export function refusedBeyond(
  interval: BlockInterval,
  edge: IntervalEdge,
  asked: number,
  depth: Depth,
): ImpossibleRange | null {
  if (asked < 0 || asked >= depth.numBlocks) return null;
  const stack = stackAround(interval.first, depth);
  if (stack.first <= asked && asked <= stack.last) return null;
  const reason = whyNoInterval({ ...interval, [edge]: asked }, depth) ?? '';
  return asked < stack.first
    ? { first: asked, last: stack.first - 1, reason }
    : { first: stack.last + 1, last: asked, reason };
}

/** Why an interval cannot be chosen, in one sentence, or null when it can. */
export function refusalOf(interval: BlockInterval, impossible: readonly ImpossibleRange[]): string | null {
  return impossible.find((range) => overlap(range, interval))?.reason ?? null;
}

export type StripIntent =
  | { readonly kind: 'add' | 'toggle'; readonly interval: BlockInterval }
  | { readonly kind: 'none'; readonly reason: string | null };

/** Enter or a click on `block`: the marked range first, then the chosen interval there, then the detected one. */
export function activation(
  block: number,
  marked: BlockInterval | null,
  selection: readonly BlockInterval[],
  detected: readonly BlockInterval[],
  impossible: readonly ImpossibleRange[],
): StripIntent {
  if (isInterval(marked)) return { kind: 'add', interval: marked };
  const chosen = intervalAt(selection, block);
  if (chosen) return { kind: 'toggle', interval: chosen };
  const found = intervalAt(detected, block);
  if (!found)
    return {
      kind: 'none',
      reason: impossible.find(({ first, last }) => first <= block && block <= last)?.reason ?? null,
    };
  const reason = refusalOf(found, impossible);
  return reason ? { kind: 'none', reason } : { kind: 'toggle', interval: found };
}
