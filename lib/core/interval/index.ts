/** Intervals of blocks: sets that never overlap, their text forms, and the choice with undo and redo. */
export { canRedo, canUndo } from './history.ts';
export type { BlockInterval, Depth, Replacement } from './interval.ts';
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
  parseIntervalKeys,
  parseIntervalParam,
  parseLayerIndex,
} from './interval-text.ts';
export type { Selection, SelectionAction } from './selection.ts';
export { reduceSelection, selectionOf } from './selection.ts';
