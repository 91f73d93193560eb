/** The chosen intervals with their undo history; one store over a pure reducer, and the one way to change it. */
import { createStore } from 'zustand/vanilla';
import {
  type Depth,
  type IntervalSet,
  NO_INTERVALS,
  reduceSelection,
  type Selection,
  type SelectionAction,
  selectionOf,
} from '@/lib/core/interval/index.ts';

interface SelectionState {
  readonly selection: Selection;
  /** Of the model that the choice is about; nothing can be chosen before a model is open. */
  readonly numBlocks: number;
  readonly seams: readonly number[];
}

export const selectionStore = createStore<SelectionState>(() => ({
  selection: selectionOf(NO_INTERVALS),
  numBlocks: 0,
  seams: [],
}));

export function choose(action: SelectionAction): void {
  selectionStore.setState(({ selection, ...depth }) => ({ selection: reduceSelection(selection, action, depth) }));
}

/** For a model just opened: its choice, without a past. */
export function beginSelection({ numBlocks, seams = [] }: Depth, intervals: IntervalSet): void {
  selectionStore.setState({ selection: selectionOf(intervals), numBlocks, seams });
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
