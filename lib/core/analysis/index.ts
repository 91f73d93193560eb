export { type Analysed, type AnalyseOptions, analyse, type EvaluateOptions } from './analyse.ts';
export { type CkaValues, rbfCka } from './cka.ts';
export { HELD_OUT_SHARE, type RowSplit, splitRows } from './held-out.ts';
export type { BlockRows } from './normal-equations.ts';
export { asAffineMap, DEFAULT_RIDGE, type FittedProbe, fitProbe, measureProbe, type ProbeQuality } from './probe.ts';
export type { AnalysisPartial, AnalysisProgress, AnalysisStage } from './progress.ts';
export { linearCka, StreamSimilarity } from './similarity.ts';
