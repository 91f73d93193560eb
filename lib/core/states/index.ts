export { fileStates } from './file-states.ts';
export { type MemoryStates, memoryStates } from './memory-states.ts';
export { floatsPiece, jsonPiece, putFloats, putJson, putMatrix } from './pieces.ts';
export type { StateFile, StateFolder } from './state-folder.ts';
export {
  FLOAT_BYTES,
  notSealed,
  overBudget,
  type StateShape,
  type StateStore,
  type StateUsage,
  shownBytes,
} from './state-store.ts';
export { tieredStates } from './tiered-states.ts';
