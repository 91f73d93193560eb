/** The chosen edits with their undo history; one store over a pure reducer, and the one way to change it. */
import { createStore } from 'zustand/vanilla';
import {
  NO_EDITS,
  type RunEdit,
  type RunSet,
  reduceSelection,
  runEdit,
  type Selection,
  type SelectionAction,
  selectionOf,
} from '@/lib/core/edit/index.ts';
import { type BlockInterval, type Depth, sameIntervals } from '@/lib/core/interval/index.ts';
import { commonReplacement, type PageReplacement } from './edits.ts';
import { settingsStore } from './settings.ts';

interface SelectionState {
  readonly selection: Selection;
  /** Of the model that the choice is about; nothing can be chosen before a model is open. */
  readonly numBlocks: number;
  readonly stacks: readonly BlockInterval[];
}

export const selectionStore = createStore<SelectionState>(() => ({
  selection: selectionOf(NO_EDITS),
  numBlocks: 0,
  stacks: [],
}));

export function choose(action: SelectionAction): void {
  const before = selectionStore.getState().selection.present;
  selectionStore.setState(({ selection, ...depth }) => ({ selection: reduceSelection(selection, action, depth) }));
  if (action.type !== 'undo' && action.type !== 'redo') return;
  // A change of every run's replacement is undone together with what it made of the default.
  const after = selectionStore.getState().selection.present;
  const common = commonReplacement(after);
  if (common && before !== after && sameIntervals(before, after)) settingsStore.setState({ replaceBy: common });
}

/** A run that is newly chosen, with the page's default in its place. */
export function newEdit(interval: BlockInterval): RunEdit {
  return runEdit(interval, settingsStore.getState().replaceBy);
}

/** For every chosen run, and for those to come. */
export function replaceAllBy(by: PageReplacement): void {
  settingsStore.setState({ replaceBy: by });
  choose({ type: 'replace-by', by });
}

/** For a model just opened: its choice, without a past. */
export function beginSelection({ numBlocks, stacks = [] }: Depth, edits: RunSet): void {
  selectionStore.setState({ selection: selectionOf(edits), numBlocks, stacks });
}

let gesture = 0;

/** One name per drag or key press: releasing the pointer or the key begins the next (see `watchGestures`). */
export function gestureName(what: string): string {
  return `${what} ${gesture}`;
}

/** Steps between a press and its release are undone together. Returns how to stop watching. */
export function watchGestures(target: EventTarget): () => void {
  const next = () => {
    gesture++;
  };
  target.addEventListener('pointerup', next);
  target.addEventListener('keyup', next);
  return () => {
    target.removeEventListener('pointerup', next);
    target.removeEventListener('keyup', next);
  };
}
