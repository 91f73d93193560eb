/** The tensor-free half of this stage, for the page and the planner. */
export type {
  Architecture,
  BlockHalf,
  BlockSpec,
  BlockTrait,
  DeclaredBlock,
  DeclaredStack,
  ModelConfig,
  ModelStream,
  NotAPart,
  RawConfig,
  StackSpec,
  StreamId,
  StreamSpec,
  StreamTokens,
  TensorSpec,
} from './architecture.ts';
export { BLOCK_HALVES, elementsOf, seamsOf } from './architecture.ts';
export { type BlockForm, blockInForm, type FormMap, formMaps, formRows, isPart } from './block-form.ts';
export type { BlockConversion, RowSource } from './block-rows.ts';
export { parseModelConfig } from './config.ts';
export { MAX_BLOCKS } from './config-values.ts';
export {
  architectureOf,
  type BlockwiseCount,
  blockAt,
  costNoteOf,
  countFlops,
  countParameters,
  type ExpectedTensor,
  expectedTensors,
} from './counts.ts';
export { editableModel, modulatedBlocks, whyNotAt, whyNotTrained } from './editable.ts';
export { editableFrom, type NarrowerFacts, whyNone } from './editable-from.ts';
export { type EditedBlock, type EditedModel, editedConfig, editedModel, editedReader, formsOf } from './edited.ts';
export { FAMILIES, familyNamed, originalLayouts } from './families.ts';
export type { Family, FamilyName, ReaderClass } from './family.ts';
export { FAMILY_NAMES } from './family-names.ts';
export { embedsGuidance } from './inputs.ts';
export { fitsHiddenStates, hiddenStatesShape } from './latents.ts';
export { narrowerFacts } from './narrower-facts.ts';
export { conversionOf, prunedModel, studentBlock } from './pruned.ts';
export { DEFAULT_RESIDENT_BYTES, residentBlocks, weightsStay } from './resident.ts';
export { basisName, basisTensors } from './shared-modulation.ts';
export { inDiffusersNames, openStoredModel, readModelConfig, type StoredModel } from './stored-model.ts';
export { hasTrait, type TraitPlaces, traitLabels, traitPlaces } from './traits.ts';
export { tunedParameters } from './tuned-parameters.ts';
