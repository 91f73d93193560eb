/** Distillation: one student per interval on the teacher's states, and the joint fine-tune of the whole student. */
export { AdamW, type OptimizerVectors } from './adamw.ts';
export { batchesFor, measuredInputs, type TrainingInputs } from './batches-for.ts';
export { type DistilOptions, distilInterval, weightSetOf } from './distil-interval.ts';
export { type FineTuneOptions, fineTune, type NarrowStart } from './fine-tune.ts';
export { lossAndGradients } from './gradients.ts';
export { streamLoss, tokenWeights, velocityLoss } from './losses.ts';
export { cutUp, type FlatParameters, flatten, layoutOf, type ParameterLayout, unflatten } from './parameters.ts';
export { StudentGradients } from './recorded-gradients.ts';
export { learningRateAt } from './schedule.ts';
export type { StateCache } from './state-cache.ts';
export type { SharedStates } from './teacher-states.ts';
export { type TrainMapsOptions, trainMaps } from './train-maps.ts';
export {
  type ModulationStart,
  type SharedFit,
  type TrainModulationsOptions,
  trainModulations,
} from './train-modulations.ts';
export {
  type BatchRequest,
  fileBatches,
  shapesBatches,
  syntheticBatches,
  type TrainingBatches,
} from './training-data.ts';
