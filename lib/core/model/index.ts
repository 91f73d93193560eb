export { cloneState, disposeState, forwardAlong, mapState, projected } from './block-transformer.ts';
export { checkWeights } from './check-weights.ts';
export * from './config-index.ts';
export { convertedWeights } from './convert-block.ts';
export type { ExtraInput } from './family.ts';
export { type GoldenCase, goldenCase, goldenCheckpoint } from './golden-fill.ts';
export {
  categoryProblem,
  completeInputs,
  extraInputsOf,
  joinSamples,
  layoutProblem,
  pickSamples,
  shapeOf,
  sliceSamples,
  squarePicture,
  streamMask,
  streamTokens,
  type TextFacts,
} from './inputs.ts';
export { CARRIED_TEXT } from './joint-attention.ts';
export {
  gridProblem,
  hiddenStatesOf,
  packedTokens,
  pictureLayout,
  type ShapedValues,
  sampleOf,
  tokenCounts,
} from './latents.ts';
export { applyProbe, linear } from './layers.ts';
export { type NarrowBlock, type NarrowMapsOf, narrowBlocks, narrowStep, narrowSteps } from './narrow-steps.ts';
export { NOMINAL_GUIDANCE } from './nominal.ts';
export { type OpenOptions, openTransformer } from './open.ts';
export {
  type AffineMap,
  type BlockStep,
  type BlockSteps,
  blockStepsOf,
  type DenseMap,
  type EditParts,
  type FittedMapOf,
  type LowRankMap,
  type NarrowStep,
  probeMaps,
  type Route,
  type RouteStep,
  routeOf,
  routeWithStudents,
  type StreamProbes,
  type StudentStep,
  type StudentWeights,
  stepsOf,
} from './route.ts';
export { type KeptCheck, type SelfCheck, selfCheck } from './self-check.ts';
export type {
  Conditionings,
  ExtraValues,
  PassContext,
  State,
  Transformer,
  TransformerInputs,
  WantedStreams,
} from './transformer.ts';
export { checkFinite, toEngine, WeightSet } from './weights.ts';
