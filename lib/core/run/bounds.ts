/**
 * What a run's settings may be. The server's schema, the command line and the page's form all read these ranges. They keep
 * a typing error from queueing a year of work; they say nothing about what trains well.
 */
import type { NumberRange } from '../number-range.ts';
import { SEED_RANGE } from '../random.ts';
import type { DistilSettings, FineTuneSettings, NarrowSettings, OptimizerSettings, RunSettings } from './settings.ts';

type Numbers<T> = { readonly [K in keyof T as NonNullable<T[K]> extends number ? K : never]: NumberRange };

/** Optimizer steps. */
const STEPS: NumberRange = { min: 1, max: 1_000_000, whole: true };
/** Samples. */
const SAMPLES: NumberRange = { min: 1, max: 4096, whole: true };
/** A share that is kept at each step; 1 would never forget. */
const DECAY: NumberRange = { min: 0, max: 1, belowMax: true };

const OPTIMIZER = {
  learningRate: { min: 0, max: 1, aboveMin: true },
  /** Steps; also at most the run's own, which only the whole of the settings tells. */
  warmupSteps: { ...STEPS, min: 0 },
  beta1: DECAY,
  beta2: DECAY,
  epsilon: { min: 0, max: 1, aboveMin: true },
  weightDecay: { min: 0, max: 10 },
  /** Global gradient norm; null, not 0, is no clipping. */
  clipNorm: { min: 0, max: 1e6, aboveMin: true },
  ema: DECAY,
} as const satisfies Numbers<OptimizerSettings>;

export const DISTIL_BOUNDS = {
  ...OPTIMIZER,
  magnitudeWeight: { min: 0, max: 1000 },
  steps: STEPS,
  batch: SAMPLES,
  /** Batches per optimizer step. */
  accumulation: { min: 1, max: 1024, whole: true },
  /** Batches; null, not 0, makes new ones for every step. */
  distinctBatches: STEPS,
  seed: SEED_RANGE,
  heldOutSamples: SAMPLES,
  heldOutEvery: STEPS,
  checkpointEvery: STEPS,
} as const satisfies Numbers<DistilSettings>;

export const FINE_TUNE_BOUNDS = {
  ...OPTIMIZER,
  steps: STEPS,
  batch: SAMPLES,
  seed: SEED_RANGE,
  checkpointEvery: STEPS,
} as const satisfies Numbers<FineTuneSettings>;

export const NARROW_BOUNDS = {
  steps: STEPS,
  learningRate: OPTIMIZER.learningRate,
} as const satisfies Numbers<NarrowSettings>;

/** Of the settings that are neither the students' nor the fine-tune's. */
export const RUN_BOUNDS = {
  /** Bytes; up to 16 TiB. */
  cacheBytes: { min: 0, max: 2 ** 44, whole: true },
  /** Bytes, from 1 MiB. */
  sweepBytes: { min: 2 ** 20, max: 2 ** 40, whole: true },
} as const satisfies Numbers<RunSettings>;

/** What `warmupSteps` may be in a run of so many steps. */
export function warmupBounds(steps: number): NumberRange {
  return { ...OPTIMIZER.warmupSteps, max: steps };
}
