/**
 * What a gesture on the strip means, as pure functions: where a drag may end, what Enter does, how far an edge may go.
 * A new interval takes its blocks from older ones (lib/core/interval), so only impossible blocks stand in its way.
 */
import type { BlockInterval } from '@/lib/core/interval/index.ts';
import { intervalAt, overlap } from '@/lib/core/interval/index.ts';
import type { ImpossibleRange, IntervalEdge } from './types.ts';

/** Blocks from `anchor` towards `to`, stopping before the first impossible one; null when the anchor itself is. */
export function freeRange(anchor: number, to: number, impossible: readonly BlockInterval[]): BlockInterval | null {
  if (intervalAt(impossible, anchor)) return null;
  const direction = to < anchor ? -1 : 1;
  let reached = anchor;
  while (reached !== to && !intervalAt(impossible, reached + direction)) reached += direction;
  return { first: Math.min(anchor, reached), last: Math.max(anchor, reached) };
}

/** An interval holds at least two blocks: replacing one block by one block removes nothing. */
export const isInterval = (range: BlockInterval | null): range is BlockInterval =>
  range !== null && range.last > range.first;

/** Where an edge may go: at least two blocks stay and no `taken` block is overrun. */
export function edgeLimits(
  interval: BlockInterval,
  edge: IntervalEdge,
  taken: readonly BlockInterval[],
  numBlocks: number,
): readonly [lowest: number, highest: number] {
  if (edge === 'first') {
    const before = taken.filter(({ last }) => last < interval.first).map(({ last }) => last + 1);
    return [Math.max(0, ...before), interval.last - 1];
  }
  const after = taken.filter(({ first }) => first > interval.last).map(({ first }) => first - 1);
  return [interval.first + 1, Math.min(numBlocks - 1, ...after)];
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
