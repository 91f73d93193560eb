/** The tensor-free half of this stage, for the page and the planner. */
export {
  type Family,
  MAX_BLOCKS,
  type ModelConfig,
  outputFeatures,
  parseModelConfig,
  SUPPORTED_CLASSES,
} from './config.ts';
export {
  countFlops,
  countParameters,
  type ExpectedTensor,
  expectedTensors,
  type FlopCount,
  type ForwardTokens,
  type ParameterCount,
} from './cost.ts';
