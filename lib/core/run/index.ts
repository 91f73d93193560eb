/** Distillation runs as data: settings, progress, views. No tensors, so that pages and servers can import it. */
export { DISTIL_BOUNDS, FINE_TUNE_BOUNDS, NARROW_BOUNDS, RUN_BOUNDS, warmupBounds } from './bounds.ts';
export { isWithinNoise, type Quartiles } from './forward-times.ts';
export { FINE_TUNE_KEY, jobKeyOf, MODULATIONS_KEY } from './job-key.ts';
export { apartFrom, doneKeys, editsOfJob, jobRestsOn, type PlannedJob, plannedJobs } from './planned-jobs.ts';
export type {
  Baselines,
  DistilProgress,
  DistilResult,
  HeldOutPoint,
  KeptWeights,
  NarrowResult,
  SavedFile,
  StandInError,
  StepPoint,
  StreamError,
} from './progress.ts';
export {
  DEFAULT_CACHE_BYTES,
  DEFAULT_DISTIL,
  DEFAULT_FINE_TUNE,
  DISTIL_LOSSES,
  type DistilLoss,
  type DistilSettings,
  defaultLearningRate,
  FINE_TUNED_WEIGHTS,
  type FineTuneSettings,
  type HeldOutBy,
  MAX_RUN_NAME,
  type NarrowSettings,
  type NoiseLevels,
  narrowSettings,
  type OptimizerSettings,
  type RunSettings,
  SCHEDULES,
  STUDENT_STARTS,
  type StudentStart,
  type TrainingData,
} from './settings.ts';
export { subsetKey } from './subset-key.ts';
export { type TeacherEstimate, type TeacherWork, teacherSentence, teacherWork } from './teacher-estimate.ts';
export {
  DEFAULT_SWEEP_BYTES,
  keptBytes,
  privateWindow,
  STATE_DTYPES,
  type StateDType,
  sharedWindow,
  type WindowLimits,
} from './teacher-windows.ts';
export type {
  DescribedModel,
  JobState,
  JobView,
  JobWorker,
  ModelCosts,
  RunEstimate,
  RunEvent,
  RunState,
  RunView,
  SubsetView,
} from './view.ts';
