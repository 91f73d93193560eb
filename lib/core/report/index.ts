/** What one analysis measured, as plain JSON, and how it is read back. */
export { CALIBRATION_BOUNDS, PAGE_CALIBRATION_BOUNDS } from './calibration-bounds.ts';
export { checkSeamsV1, checkStacks } from './check-stacks.ts';
export { type CheckJson, type JsonFileKind, type JsonFileVersion, parseJsonFile } from './json-file.ts';
export { parseReport } from './parse-report.ts';
export type {
  AnalysisReport,
  CalibrationFacts,
  CalibrationFile,
  CkaEstimator,
  CkaTarget,
  EditDamage,
  Matrix,
  PerStream,
  ReportModel,
  ReportSettings,
  StreamAnalysis,
  SurrogateStart,
  TrajectoryReading,
} from './report.ts';
export { outputErrorOf, REPORT_VERSION } from './report.ts';
export {
  calibrationSchema,
  perStream,
  reportSettingsSchema,
  runEditSchema,
  stackSchema,
  streamSpecSchema,
} from './schema.ts';
