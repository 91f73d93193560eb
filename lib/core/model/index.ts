export {
  countFlops,
  countParameters,
  type ExpectedTensor,
  expectedTensors,
  type Family,
  type FlopCount,
  type ForwardTokens,
  type ModelConfig,
  outputFeatures,
  type ParameterCount,
  parseModelConfig,
  SUPPORTED_CLASSES,
} from './config-index.ts';
export { type GoldenCase, goldenQ1, goldenQ2 } from './golden-fill.ts';
export { applyProbe } from './layers.ts';
export { type OpenOptions, openTransformer } from './open.ts';
export {
  type AffineMap,
  type Route,
  type RouteStep,
  routeOf,
  routeWithStudents,
  type StreamProbes,
} from './route.ts';
export type { PassContext, State, Transformer, TransformerInputs } from './transformer.ts';
export { checkFinite, toEngine, WeightSet } from './weights.ts';
