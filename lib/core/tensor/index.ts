export { DTYPE_BITS, type DType } from './dtype.ts';
export {
  chooseEngine,
  type EngineCandidate,
  type EngineName,
  type EngineReport,
  type WantedEngine,
} from './engine.ts';
export { registerFastWasmKernels } from './fast-wasm-kernels.ts';
export { fromFloat32, isFloatDType, toFloat32 } from './float.ts';
export { integersOf } from './integers.ts';
export { type AdamRates, type AdamVectors, adamStep, sumOfSquares } from './optimizer-steps.ts';
