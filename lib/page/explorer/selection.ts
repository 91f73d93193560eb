/** The chosen edits with their undo history; one store over a pure reducer, and the one way to change it. */
import { createStore } from 'zustand/vanilla';
import {
  type EditSet,
  NO_EDITS,
  type RunEdit,
  type RunSet,
  reduceSelection,
  runEdit,
  runsOf,
  type SelectableModel,
  type Selection,
  type SelectionAction,
  selectionOf,
  type WidthEdit,
} from '@/lib/core/edit/index.ts';
import { ContiguaError } from '@/lib/core/errors.ts';
import { type BlockInterval, sameIntervals } from '@/lib/core/interval/index.ts';
import { settle, showError } from '../browser/notices.ts';
import { commonReplacement, narrowerOf, type PageReplacement } from './edits.ts';
import { settingsStore } from './settings.ts';

export interface SelectionState {
  readonly selection: Selection;
  /** Of the model that the choice is about; nothing can be chosen before a model is open. */
  readonly numBlocks: number;
  readonly stacks: readonly BlockInterval[];
  /** What else its structure allows. */
  readonly model: SelectableModel;
}

export const selectionStore = createStore<SelectionState>(() => ({
  selection: selectionOf(NO_EDITS),
  numBlocks: 0,
  stacks: [],
  model: { numBlocks: 0 },
}));

const parts = new WeakMap<EditSet, { readonly runs: RunSet; readonly narrower: readonly WidthEdit[] }>();

function partsOf({ selection: { present } }: Pick<SelectionState, 'selection'>) {
  let known = parts.get(present);
  if (!known) {
    known = { runs: runsOf(present), narrower: narrowerOf(present) };
    parts.set(present, known);
  }
  return known;
}

/** The chosen runs: the same array for as long as the choice is the same. */
export const chosenRuns = (state: Pick<SelectionState, 'selection'>): RunSet => partsOf(state).runs;

/** What is chosen to make blocks narrower. */
export const chosenNarrower = (state: Pick<SelectionState, 'selection'>): readonly WidthEdit[] =>
  partsOf(state).narrower;

export const presentRuns = (): RunSet => chosenRuns(selectionStore.getState());
export const presentNarrower = (): readonly WidthEdit[] => chosenNarrower(selectionStore.getState());

/** Edits that do not go together are refused in a notice, and the choice stays as it is; returns whether it was not refused. */
export function choose(action: SelectionAction): boolean {
  const { selection, model } = selectionStore.getState();
  const before = selection.present;
  try {
    selectionStore.setState({ selection: reduceSelection(selection, action, model) });
  } catch (thrown) {
    if (!(thrown instanceof ContiguaError)) throw thrown;
    // No file is at fault.
    const { file: _, ...details } = thrown.details;
    showError('choice', new ContiguaError(thrown.code, thrown.summary, details));
    return false;
  }
  settle('choice');
  if (action.type !== 'undo' && action.type !== 'redo') return true;
  // A change of every run's replacement is undone together with what it made of the default.
  const after = selectionStore.getState().selection.present;
  const common = commonReplacement(after);
  if (common && before !== after && sameIntervals(runsOf(before), runsOf(after)))
    settingsStore.setState({ replaceBy: common });
  return true;
}

/** A run that is newly chosen, with the page's default in its place. */
export function newEdit(interval: BlockInterval): RunEdit {
  return runEdit(interval, settingsStore.getState().replaceBy);
}

/** For every chosen run, and for those to come; neither where one of them is refused. */
export function replaceAllBy(by: PageReplacement): void {
  if (choose({ type: 'replace-by', by })) settingsStore.setState({ replaceBy: by });
}

/** For a model just opened: its choice, without a past. */
export function beginSelection(model: SelectableModel, edits: EditSet): void {
  const { numBlocks, stacks = [] } = model;
  settle('choice');
  selectionStore.setState({ selection: selectionOf(edits), numBlocks, stacks, model });
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
