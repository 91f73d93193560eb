export { type Analysed, type AnalyseOptions, analyse, analyseStates, type DamageBudget } from './analyse.ts';
export type { GroupedSamples } from './balanced-groups.ts';
export { type CkaValues, rbfCka } from './cka.ts';
export {
  choiceDamage,
  type Damage,
  type DamageInputs,
  damageInputsOf,
  type EditDamageOptions,
  editDamage,
  narrowDamage,
  type OpenNarrowMaps,
  partDamage,
  waysWithin,
} from './edit-damage.ts';
export { type AnalysisEstimate, type AnalysisLimits, estimateAnalysis, type MemoryMeter } from './estimate.ts';
export { type CaptureEstimate, estimateCapture } from './estimate-capture.ts';
export { estimateTrace, type TraceEstimate } from './estimate-trace.ts';
export { type FitMapsOptions, fitBlockProbe, fitMaps, fittedMaps } from './fit-probes.ts';
export { type FittedMaps, listedMaps, listedProbes, storedRunMaps } from './fitted-maps.ts';
export { fittingLimits } from './fitting-limits.ts';
export { float64Algebra, offerFloat64, offerFloat64Helpers } from './float64.ts';
export type { Factored, Float64Algebra, Numbers } from './float64-algebra.ts';
export type { ProductHelper } from './float64-threads.ts';
export type { SweepOf, Swept } from './gram-figures.ts';
export { type SweepProgress, type SweepRows, sweepGrams } from './gram-sweep.ts';
export { HELD_OUT_SHARE, heldOutOf, type RowSplit, splitOff, splitRows } from './held-out.ts';
export type { CellRows } from './held-out-cells.ts';
export { DAMAGE_SAMPLES, spreadSamples } from './held-out-inputs.ts';
export { type JudgedRows, judgedRows } from './judged-rows.ts';
export { noiseBands } from './noise-bands.ts';
export { type BlockRows, transposed } from './normal-equations.ts';
export { Pace } from './pace.ts';
export { percentileBounds } from './percentile-bounds.ts';
export { asAffineMap, DEFAULT_RIDGE, type FittedProbe, fitProbe, probeWeight } from './probe.ts';
export { measureProbe, type ProbeErrors, type ProbeQuality, sumProbeErrors } from './probe-quality.ts';
export type { AnalysisPartial, AnalysisProgress, AnalysisStage, MeasuredRun } from './progress.ts';
export { reportOf } from './report-of.ts';
export { linearCka, StreamSimilarity } from './similarity.ts';
export { modelStates, type StatesSource, tracedStates } from './states-source.ts';
export { storedDamage, storedParts } from './stored-damage.ts';
export { type BlockProbes, probesOf, putRunMap } from './stored-probes.ts';
export { splitColumns, type Weightings } from './weightings.ts';
