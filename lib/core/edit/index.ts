/** What is done to a model: edits, sets of them, and the choice with undo and redo. */
export type { Edit, EditSet, RunEdit, RunReplacement } from './edit.ts';
export {
  editKey,
  NO_EDITS,
  probedBlocks,
  RUN_REPLACEMENTS,
  replacementWord,
  runEdit,
  runEdits,
  sameEdit,
  sameEdits,
} from './edit.ts';
export { editSetOf } from './edit-set.ts';
export { formatEditParam, parseEditParam } from './edit-text.ts';
export { canRedo, canUndo } from './history.ts';
export type { Selection, SelectionAction } from './selection.ts';
export { reduceSelection, selectionOf } from './selection.ts';
