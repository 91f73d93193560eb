/**
 * What a gesture on the strip means, as pure functions: where a drag may end, what Enter does, how far an edge may go.
 * The owner of the selection still has the last word; these only keep a gesture from promising what cannot be.
 */
import type { BlockInterval } from '@/lib/core/interval/interval.ts';
import { spanText } from './number-text.ts';
import type { ImpossibleRange, IntervalEdge } from './types.ts';

export function intervalAt<I extends BlockInterval>(block: number, intervals: readonly I[]): I | null {
  return intervals.find(({ first, last }) => first <= block && block <= last) ?? null;
}

export const sameInterval = (a: BlockInterval, b: BlockInterval): boolean => a.first === b.first && a.last === b.last;

/** Blocks from `anchor` towards `to`, stopping before the first taken one; null when the anchor itself is taken. */
export function freeRange(anchor: number, to: number, taken: readonly BlockInterval[]): BlockInterval | null {
  if (intervalAt(anchor, taken)) return null;
  const direction = to < anchor ? -1 : 1;
  let reached = anchor;
  while (reached !== to && !intervalAt(reached + direction, taken)) reached += direction;
  return { first: Math.min(anchor, reached), last: Math.max(anchor, reached) };
}

/** An interval holds at least two blocks: replacing one block by one block removes nothing. */
export const isInterval = (range: BlockInterval | null): range is BlockInterval =>
  range !== null && range.last > range.first;

/** Where an edge may go: at least two blocks stay, and neither a neighbour nor an impossible block is overrun. */
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

/** Why a detected interval cannot be chosen now, in one sentence, or null when it can (or is chosen already). */
export function conflictOf(
  interval: BlockInterval,
  selection: readonly BlockInterval[],
  impossible: readonly ImpossibleRange[],
): string | null {
  const meets = (other: BlockInterval) => other.first <= interval.last && interval.first <= other.last;
  const blocked = impossible.find(meets);
  if (blocked) return blocked.reason;
  const chosen = selection.find((other) => meets(other) && !sameInterval(other, interval));
  return chosen ? `Overlaps the chosen interval ${spanText(chosen)}; clear that one first.` : null;
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
  const chosen = intervalAt(block, selection);
  if (chosen) return { kind: 'toggle', interval: chosen };
  const found = intervalAt(block, detected);
  if (!found) return { kind: 'none', reason: null };
  const reason = conflictOf(found, selection, impossible);
  return reason ? { kind: 'none', reason } : { kind: 'toggle', interval: found };
}
