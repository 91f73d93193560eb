export { type Analysed, type AnalyseOptions, analyse } from './analyse.ts';
export { type CkaValues, rbfCka } from './cka.ts';
export { type DamageInputs, damageInputsOf, type EditDamageOptions, editDamage } from './edit-damage.ts';
export { fitProbes } from './fit-probes.ts';
export { HELD_OUT_SHARE, type RowSplit, splitRows } from './held-out.ts';
export type { BlockRows } from './normal-equations.ts';
export { asAffineMap, DEFAULT_RIDGE, type FittedProbe, fitProbe, measureProbe, type ProbeQuality } from './probe.ts';
export type { AnalysisPartial, AnalysisProgress, AnalysisStage } from './progress.ts';
export { linearCka, StreamSimilarity } from './similarity.ts';
