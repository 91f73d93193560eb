/** What one analysis measured, as plain JSON, and how it is read back. */
export { type JsonFileKind, parseJsonFile } from './json-file.ts';
export { parseReport } from './parse-report.ts';
export type {
  AnalysisReport,
  CalibrationFacts,
  CkaEstimator,
  CkaTarget,
  IntervalDamage,
  Matrix,
  Stream,
  StreamAnalysis,
  SurrogateStart,
  TrajectoryReading,
} from './report.ts';
export { REPORT_VERSION, STREAMS } from './report.ts';
export { calibrationSchema } from './schema.ts';
