/**
 * The choice on the page and everything that can be done to it: one pure reducer over the history of an EditSet.
 * Every handle (click, drag, keys, slider, link, plan file) becomes one of these actions. A new run or text group takes its blocks from
 * older ones of its own kind, and what makes removed blocks narrower goes with them; what clashes otherwise is refused, and nothing is lost.
 */
import { ContiguaError } from '../errors.ts';
import {
  addInterval,
  type BlockInterval,
  type Depth,
  type Edge,
  moveEdge,
  removedBlocks,
  removeInterval,
  sameInterval,
  shiftInterval,
  toggleInterval,
} from '../interval/index.ts';
import {
  type Edit,
  type EditSet,
  modulationEdit,
  NO_EDITS,
  type RunReplacement,
  type RunSet,
  runEdit,
  runsOf,
  sameEdit,
  sameEdits,
  type TextStreamEdit,
  type WidthEdit,
} from './edit.ts';
import { type EditableModel, editSetOf, whatTakes } from './edit-set.ts';
import { type History, historyOf, record, redo, undo } from './history.ts';

export type Selection = History<EditSet>;

/** The depth, and what the structure allows as far as that is known. */
export type SelectableModel = Depth & Partial<EditableModel>;

/** What an interval is of; runs unless given. */
export type SpanKind = 'run' | 'text-stream';

export type SelectionAction =
  | { readonly type: 'add' | 'toggle'; readonly edit: Edit }
  | { readonly type: 'remove'; readonly interval: BlockInterval; readonly on?: SpanKind }
  /** Another replacement for one run, or for every run. */
  | { readonly type: 'replace-by'; readonly by: RunReplacement; readonly interval?: BlockInterval }
  | {
      readonly type: 'shift';
      readonly interval: BlockInterval;
      readonly on?: SpanKind;
      readonly by: number;
      readonly gesture?: string;
    }
  | {
      readonly type: 'move-edge';
      readonly interval: BlockInterval;
      readonly on?: SpanKind;
      readonly edge: Edge;
      readonly block: number;
      /** Names one drag, so that it is undone in one step. */
      readonly gesture?: string;
    }
  /** A whole choice at once, already a valid set: a link, a plan. */
  | { readonly type: 'choose'; readonly edits: EditSet; readonly gesture?: string }
  /** Other runs; what makes blocks narrower stays where it goes with them. The slider. */
  | { readonly type: 'choose-runs'; readonly edits: RunSet; readonly gesture?: string }
  /** Other edits of one kind that makes blocks narrower. */
  | { readonly type: 'choose-narrower'; readonly on: WidthEdit['on']; readonly edits: readonly WidthEdit[] }
  | { readonly type: 'clear' | 'undo' | 'redo' };

/** A choice without a past, for a model just opened. */
export function selectionOf(edits: EditSet): Selection {
  return historyOf(edits);
}

/** Throws `plan-invalid`, which says what clashes, for an action whose edits do not go together. */
export function reduceSelection(selection: Selection, action: SelectionAction, model: SelectableModel): Selection {
  const set = selection.present;
  const step = (next: EditSet, gesture?: string): Selection =>
    sameEdits(set, next) ? selection : record(selection, next, gesture ?? null);
  const runs = runsOf(set);
  const groups = groupsOf(set);
  const others = set.filter(({ on }) => on !== 'run' && on !== 'text-stream');
  /** The same change for runs and for text groups. */
  const spans = (
    on: SpanKind,
    change: <E extends BlockInterval>(all: readonly E[]) => readonly E[],
    gesture?: string,
  ): Selection => {
    const next = on === 'run' ? [...change(runs), ...groups, ...others] : [...runs, ...change(groups), ...others];
    return step(checked(withoutClosed(next, model), model), gesture);
  };
  switch (action.type) {
    case 'add':
    case 'toggle': {
      const { edit } = action;
      const change = action.type === 'add' ? addInterval : toggleInterval;
      if (edit.on === 'run') {
        const next = [...change(runs, edit, model), ...groups, ...others];
        return step(checked(withoutClosed(next, model), model));
      }
      if (edit.on === 'text-stream') {
        const next = [...runs, ...change(groups, edit, model), ...others];
        return step(checked(withoutClosed(next, model), model));
      }
      if (set.some((one) => sameEdit(one, edit))) {
        return action.type === 'add' ? selection : step(set.filter((one) => !sameEdit(one, edit)));
      }
      // One modulation takes the place of another.
      const rest = edit.on === 'modulation' ? set.filter(({ on }) => on !== 'modulation') : set;
      return step(checked([...rest, edit], model));
    }
    case 'remove':
      return spans(action.on ?? 'run', (all) => removeInterval(all, action.interval));
    case 'replace-by': {
      const { by, interval } = action;
      const next = set.map((edit) =>
        edit.on !== 'run' || (interval && !sameInterval(edit, interval)) ? edit : runEdit(edit, by),
      );
      return step(checked(next, model));
    }
    case 'shift':
      return spans(action.on ?? 'run', (all) => shiftInterval(all, action.interval, action.by, model), action.gesture);
    case 'move-edge':
      return spans(
        action.on ?? 'run',
        (all) => moveEdge(all, action.interval, action.edge, action.block, model),
        action.gesture,
      );
    case 'choose':
      return step(action.edits, action.gesture);
    case 'choose-runs': {
      // Of a drag of the slider, what was there before it.
      const { gesture = null } = action;
      const before = gesture !== null && gesture === selection.gesture ? (selection.past.at(-1) ?? set) : set;
      return step(beside(action.edits, before, model), action.gesture);
    }
    case 'choose-narrower': {
      const rest = set.filter(({ on }) => on !== action.on);
      return step(checked(withoutClosed([...rest, ...action.edits], model), model));
    }
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

/** The runs, with what makes blocks narrower of `before` as far as it goes with them. */
export function beside(runs: RunSet, before: EditSet, model: SelectableModel): EditSet {
  let kept: EditSet = runs;
  for (const edit of before) {
    if (edit.on === 'run') continue;
    try {
      kept = checked(withoutClosed([...kept, edit], model), model);
    } catch (thrown) {
      // It clashes with a run, which was asked for.
      if (!(thrown instanceof ContiguaError)) throw thrown;
    }
  }
  return kept;
}

const groupsOf = (edits: EditSet): TextStreamEdit[] => edits.filter((edit) => edit.on === 'text-stream');

/** Without edits of what runs and text groups take away. */
function withoutClosed(edits: EditSet, model: SelectableModel): EditSet {
  const runs = runsOf(edits);
  const groups = groupsOf(edits);
  const removed = new Set(removedBlocks(runs));
  return edits.flatMap((edit): Edit[] => {
    if (edit.on === 'ffn') {
      return removed.has(edit.block) || whatTakes(edit, runs, groups, model) !== null ? [] : [edit];
    }
    if (edit.on !== 'modulation' || edit.blocks === 'all') return [edit];
    const left = edit.blocks.filter((block) => !removed.has(block));
    if (left.length === edit.blocks.length) return [edit];
    return left.length === 0 ? [] : [modulationEdit(edit.by, left)];
  });
}

function checked(edits: EditSet, model: SelectableModel): EditSet {
  const { width = null, textStream = null, whyNot = () => null } = model;
  return editSetOf(edits, { ...model, width, textStream, whyNot }, 'the choice');
}
