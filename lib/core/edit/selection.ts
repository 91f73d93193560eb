/**
 * The choice on the page and everything that can be done to it: one pure reducer over the history of a RunSet.
 * Every handle (click, drag, keys, slider, link, plan file) becomes one of these actions.
 */
import {
  addInterval,
  type BlockInterval,
  type Depth,
  type Edge,
  moveEdge,
  removeInterval,
  sameInterval,
  shiftInterval,
  toggleInterval,
} from '../interval/index.ts';
import { NO_EDITS, type RunEdit, type RunReplacement, type RunSet, runEdit, sameEdits } from './edit.ts';
import { type History, historyOf, record, redo, undo } from './history.ts';

export type Selection = History<RunSet>;

export type SelectionAction =
  | { readonly type: 'add' | 'toggle'; readonly edit: RunEdit }
  | { readonly type: 'remove'; readonly interval: BlockInterval }
  /** Another replacement for one run, or for every run. */
  | { readonly type: 'replace-by'; readonly by: RunReplacement; readonly interval?: BlockInterval }
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
  | { readonly type: 'choose'; readonly edits: RunSet; readonly gesture?: string }
  | { readonly type: 'clear' | 'undo' | 'redo' };

/** A choice without a past, for a model just opened. */
export function selectionOf(edits: RunSet): Selection {
  return historyOf(edits);
}

export function reduceSelection(selection: Selection, action: SelectionAction, depth: Depth): Selection {
  const set = selection.present;
  const step = (next: RunSet, gesture?: string): Selection =>
    sameEdits(set, next) ? selection : record(selection, next, gesture ?? null);
  switch (action.type) {
    case 'add':
      return step(addInterval(set, action.edit, depth));
    case 'toggle':
      return step(toggleInterval(set, action.edit, depth));
    case 'remove':
      return step(removeInterval(set, action.interval));
    case 'replace-by': {
      const { by, interval } = action;
      return step(set.map((edit) => (interval && !sameInterval(edit, interval) ? edit : runEdit(edit, by))));
    }
    case 'shift':
      return step(shiftInterval(set, action.interval, action.by, depth), action.gesture);
    case 'move-edge':
      return step(moveEdge(set, action.interval, action.edge, action.block, depth), action.gesture);
    case 'choose':
      return step(action.edits, action.gesture);
    case 'clear':
      return step(NO_EDITS);
    case 'undo':
      return undo(selection);
    case 'redo':
      return redo(selection);
    default:
      return action satisfies never;
  }
}
