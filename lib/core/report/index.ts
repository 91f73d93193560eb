/** What one analysis measured, as plain JSON, and how it is read back. */
export { ANALYSIS_BOUNDS, CALIBRATION_BOUNDS, PAGE_CALIBRATION_BOUNDS } from './calibration-bounds.ts';
export { checkSeamsV1, checkStacks } from './check-stacks.ts';
export { type CheckJson, type JsonFileKind, type JsonFileVersion, parseJsonFile } from './json-file.ts';
export { parseReport } from './parse-report.ts';
export type {
  AnalysisReport,
  BandAnalysis,
  Bounds,
  CalibrationFacts,
  CalibrationFile,
  CkaEstimator,
  CkaTarget,
  Confidence,
  DetectionConfidence,
  EditDamage,
  Matrix,
  MatrixBounds,
  NoiseBand,
  PartDamage,
  PerEstimator,
  PerReading,
  PerStream,
  Proxies,
  ReportModel,
  ReportSettings,
  Rows,
  Similarity,
  SimilarityBounds,
  SplitFacts,
  SplitRule,
  SplitTimestep,
  StreamAnalysis,
  SurrogateStart,
  TrajectoryReading,
  WidthDamage,
} from './report.ts';
export { damageOf, outputErrorOf, partDamageOf, REPORT_VERSION, widthDamageOf } from './report.ts';
export {
  boundsSchema,
  calibrationSchema,
  perStream,
  reportSettingsSchema,
  runEditSchema,
  splitSchema,
  stackSchema,
  streamSpecSchema,
} from './schema.ts';
