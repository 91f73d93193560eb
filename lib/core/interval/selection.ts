/**
 * The choice on the page and everything that can be done to it: one pure reducer over the history of an IntervalSet.
 * Every handle (click, drag, keys, slider, link, plan file) becomes one of these actions.
 */
import { type History, historyOf, record, redo, undo } from './history.ts';
import type { BlockInterval, Depth } from './interval.ts';
import {
  addInterval,
  type Edge,
  type IntervalSet,
  moveEdge,
  NO_INTERVALS,
  removeInterval,
  sameIntervals,
  shiftInterval,
  toggleInterval,
} from './interval-set.ts';

export type Selection = History<IntervalSet>;

export type SelectionAction =
  | { readonly type: 'add' | 'toggle' | 'remove'; readonly interval: BlockInterval }
  | { readonly type: 'shift'; readonly interval: BlockInterval; readonly by: number; readonly gesture?: string }
  | {
      readonly type: 'move-edge';
      readonly interval: BlockInterval;
      readonly edge: Edge;
      readonly block: number;
      /** Names one drag, so that it is undone in one step. */
      readonly gesture?: string;
    }
  /** A whole choice at once, already a valid set: the slider, a link, a plan. */
  | { readonly type: 'choose'; readonly intervals: IntervalSet; readonly gesture?: string }
  | { readonly type: 'clear' | 'undo' | 'redo' };

/** A choice without a past, for a model just opened. */
export function selectionOf(intervals: IntervalSet): Selection {
  return historyOf(intervals);
}

export function reduceSelection(selection: Selection, action: SelectionAction, depth: Depth): Selection {
  const set = selection.present;
  const step = (next: IntervalSet, gesture?: string): Selection =>
    sameIntervals(set, next) ? selection : record(selection, next, gesture ?? null);
  switch (action.type) {
    case 'add':
      return step(addInterval(set, action.interval, depth));
    case 'toggle':
      return step(toggleInterval(set, action.interval, depth));
    case 'remove':
      return step(removeInterval(set, action.interval));
    case 'shift':
      return step(shiftInterval(set, action.interval, action.by, depth), action.gesture);
    case 'move-edge':
      return step(moveEdge(set, action.interval, action.edge, action.block, depth), action.gesture);
    case 'choose':
      return step(action.intervals, action.gesture);
    case 'clear':
      return step(NO_INTERVALS);
    case 'undo':
      return undo(selection);
    case 'redo':
      return redo(selection);
    default:
      return action satisfies never;
  }
}
