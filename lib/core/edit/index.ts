/** What is done to a model: edits, sets of them, and the choice with undo and redo. */

export { formatBlocks, parseBlocks } from './blocks-text.ts';
export type {
  Edit,
  EditKind,
  EditSet,
  FfnEdit,
  ModulationEdit,
  RunEdit,
  RunReplacement,
  RunSet,
  TextStreamEdit,
  WidthEdit,
} from './edit.ts';
export {
  compareEdits,
  EDIT_KINDS,
  editKey,
  ffnEdit,
  mappedRunAt,
  mappedRuns,
  modulationEdit,
  NO_EDITS,
  narrowedBlocks,
  probedRun,
  RUN_REPLACEMENTS,
  replacementWord,
  runEdit,
  runEdits,
  runsOf,
  sameEdit,
  sameEdits,
  spanOf,
  textStreamEdit,
} from './edit.ts';
export { type EditableModel, editSetOf, onlyRuns, runSetOf, whatTakes } from './edit-set.ts';
export { formatEditParam, parseEditParam, parseRunParam } from './edit-text.ts';
export { canRedo, canUndo } from './history.ts';
export { restsOn } from './rests-on.ts';
export type { SelectableModel, Selection, SelectionAction, SpanKind } from './selection.ts';
export { beside, reduceSelection, selectionOf } from './selection.ts';
