/**
 * What becomes of every block: the first of an interval stays and stands for all of it, the rest goes, others move up; what width
 * edits name is narrowed.
 */
import { type IntervalSet, intervalAt } from '../interval/index.ts';
import type { BlockFate, BlockMapEntry } from './plan.ts';

export function blockMapOf(
  numBlocks: number,
  intervals: IntervalSet,
  narrowed: readonly number[] = [],
): BlockMapEntry[] {
  let next = 0;
  const narrow = new Set(narrowed);
  return Array.from({ length: numBlocks }, (_, old) => {
    const fate = fateOf(old, intervals, narrow);
    return { old, new: fate === 'removed' ? null : next++, fate };
  });
}

function fateOf(block: number, intervals: IntervalSet, narrowed: ReadonlySet<number>): BlockFate {
  const interval = intervalAt(intervals, block);
  if (interval === null) return narrowed.has(block) ? 'narrowed' : 'kept';
  return interval.first === block ? 'replaced' : 'removed';
}
