/** Intervals of blocks: sets that never overlap, and their text forms. */
export type { BlockInterval, Depth } from './interval.ts';
export type { Edge, IntervalSet } from './interval-set.ts';
export {
  addInterval,
  blockCount,
  containsInterval,
  intervalAt,
  moveEdge,
  NO_INTERVALS,
  overlap,
  removedBlocks,
  removedCount,
  removeInterval,
  sameInterval,
  sameIntervals,
  shiftInterval,
  stackAround,
  sumOverRemoved,
  toggleInterval,
  whyNoInterval,
} from './interval-set.ts';
export {
  formatIntervalKey,
  formatIntervalKeys,
  formatIntervalParam,
  formatLayerIndex,
  intervalSetOf,
  parseIntervalKey,
  parseIntervalKeys,
  parseIntervalParam,
  parseLayerIndex,
} from './interval-text.ts';
