/** What leaves the product besides the plan: files and strings that other programs take. */
export { formatLayerIndex as layerIndexString } from '../interval/index.ts';
export type { Exporter, OutputFile, Verdict } from './exporter.ts';
export { DEFAULT_EXPORTER, EXPORTERS, exporterNamed, exportModel } from './exporters.ts';
export { CONFIG_FILE, METRICS_FILE, PLAN_FILE } from './file-names.ts';
export { joinedBlob, lazyBlob } from './lazy-blob.ts';
export { type ExportedRun, type ExportMetrics, exportMetrics, type IntervalMetrics } from './metrics.ts';
export { type ExportedModel, editedConfigText, prunedConfig } from './pruned-config.ts';
export { runParts, trainedNarrow } from './run-parts.ts';
export { studentFolder } from './student-folder.ts';
export { TRAINED_METADATA } from './trained-file.ts';
export type { PluggedStudent, Teacher, TrainedModel } from './trained-model.ts';
