/** What becomes of every block: the first of an interval stays and stands for all of it, the rest goes, others move up. */
import { type IntervalSet, intervalAt } from '../interval/index.ts';
import type { BlockFate, BlockMapEntry } from './plan.ts';

export function blockMapOf(numBlocks: number, intervals: IntervalSet): BlockMapEntry[] {
  let next = 0;
  return Array.from({ length: numBlocks }, (_, old) => {
    const fate = fateOf(old, intervals);
    return { old, new: fate === 'removed' ? null : next++, fate };
  });
}

function fateOf(block: number, intervals: IntervalSet): BlockFate {
  const interval = intervalAt(intervals, block);
  if (interval === null) return 'kept';
  return interval.first === block ? 'replaced' : 'removed';
}
