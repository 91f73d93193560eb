/**
 * What a distillation run is asked to do (paper, section 3.3; the official trainers' numbers are named where they
 * differ). Numbers and names only: the page, the server and the trainer all read this, the trainer alone has tensors.
 */
import type { NodeEngine } from '../tensor/engine.ts';
import type { StateDType } from './teacher-windows.ts';

/**
 * Per stream, over valid tokens, ĥ the student's and h the teacher's state:
 * `direction` mean_tokens Σ_dim (ĥ/‖ĥ‖ − h/‖h‖)² (the paper's); `direction-l1` the same with |·| (official code);
 * `mse` mean over tokens and features of (ĥ − h)²; `direction-magnitude` direction + weight · mean_tokens (ln ‖ĥ‖ − ln ‖h‖)².
 */
export type DistilLoss = 'direction' | 'direction-l1' | 'mse' | 'direction-magnitude';
export const DISTIL_LOSSES = ['direction', 'direction-l1', 'mse', 'direction-magnitude'] as const;

/** Teacher block whose weights the student starts from; `best` is the block of the interval that, run alone, errs least. */
export type StudentStart = 'first' | 'middle' | 'last' | 'best';
export const STUDENT_STARTS = ['first', 'middle', 'last', 'best'] as const;

/** Of the learning rate, after its warm-up. */
export const SCHEDULES = ['cosine', 'constant'] as const;

export interface OptimizerSettings {
  /** Peak of the schedule. */
  readonly learningRate: number;
  /** Steps of linear warm-up; then a cosine down to zero at the last step, or level. */
  readonly warmupSteps: number;
  readonly schedule: (typeof SCHEDULES)[number];
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decoupled (AdamW); on matrices alone, as vectors are gains and biases. */
  readonly weightDecay: number;
  /** Largest global gradient norm, or null for no clipping. */
  readonly clipNorm: number | null;
  /** Decay of the exponential moving average of the weights that becomes the student, or null for the last weights. */
  readonly ema: number | null;
  /**
   * The average forgets the starting weights at first: its decay is min(ema, (1 + t) / (10 + t)) after t updates, and 0 at the
   * first, as diffusers' EMAModel. Absent in runs of an earlier version, which kept `ema` from the first step.
   */
  readonly emaWarmup?: boolean | undefined;
}

export interface DistilSettings extends OptimizerSettings {
  readonly loss: DistilLoss;
  /** Weight of the magnitude term of `direction-magnitude`. */
  readonly magnitudeWeight: number;
  readonly start: StudentStart;
  /** Optimizer steps. */
  readonly steps: number;
  /** Samples per forward and backward; `accumulation` of them make one optimizer step. */
  readonly batch: number;
  readonly accumulation: number;
  /**
   * That many batches, over and over in seeded orders, so that the teacher runs for them once; null makes a new batch for
   * every step. A file has no more than its samples give.
   */
  readonly distinctBatches: number | null;
  /** What the teacher's states around the interval are rounded to before the student sees them; f32 where nothing is said. */
  readonly stateDType?: StateDType | undefined;
  readonly seed: number;
  /** Samples never trained on, on which the errors are measured. */
  readonly heldOutSamples: number;
  /** Steps between two held-out measurements, and between two checkpoints. */
  readonly heldOutEvery: number;
  readonly checkpointEvery: number;
}

export const FINE_TUNED_WEIGHTS = ['students', 'all'] as const;

/** The paper's last stage: the whole student against the teacher's output (velocity), all of its weights or students alone. */
export interface FineTuneSettings extends OptimizerSettings {
  readonly train: (typeof FINE_TUNED_WEIGHTS)[number];
  readonly steps: number;
  readonly batch: number;
  readonly seed: number;
  readonly checkpointEvery: number;
}

/** How a file's samples are held out: whole prompts. Random samples in runs that say nothing, which an earlier version began. */
export type HeldOutBy = 'prompt-groups';

/**
 * How noise levels of captioned pictures are drawn: uniformly, as a drawing of the samples goes through them. Logit-normal,
 * as the samples were trained, in runs that say nothing, which an earlier version began: one level in seventy is above 0.9.
 */
export type NoiseLevels = 'uniform';

/**
 * Where training batches come from. `shapes`: captions, pictures, noise and time steps made afresh for every step;
 * `file`: a calibration file's samples, dealt into batches that come in a new order each epoch; `synthetic`: seeded noise (says little about real inputs).
 */
export type TrainingData =
  | { readonly kind: 'shapes'; readonly levels?: NoiseLevels | undefined }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly heldOutBy?: HeldOutBy | undefined;
      /** File of the teacher's states of these samples around the run's intervals, in place of the teacher's forward passes. */
      readonly boundaries?: string | undefined;
    }
  | { readonly kind: 'synthetic' };

/** What linear maps and shared modulations are trained with in place of the students' own. */
export interface NarrowSettings {
  readonly steps: number;
  /** Less than students': maps and modulations start near their best. */
  readonly learningRate: number;
}

export interface RunSettings {
  readonly data: TrainingData;
  readonly distil: DistilSettings;
  /** Of edits that make blocks narrower; by default as many steps as students have, at a tenth of their learning rate. */
  readonly narrow?: NarrowSettings | undefined;
  readonly fineTune: FineTuneSettings | null;
  /** Engine of the compute processes; `auto` lets each worker choose by capability. */
  readonly engine: NodeEngine;
  /** Teacher states kept on disk; 0 keeps none, and every interval runs the teacher for itself. */
  readonly cacheBytes: number;
  /** Memory of one compute process for teacher states that are computed together; a default where nothing is said. */
  readonly sweepBytes?: number | undefined;
}

/** For the sample model; other widths want another learning rate (`defaultLearningRate`). */
export const DEFAULT_DISTIL: DistilSettings = {
  loss: 'direction-magnitude',
  magnitudeWeight: 0.1,
  start: 'first',
  steps: 1500,
  batch: 16,
  accumulation: 1,
  distinctBatches: null,
  learningRate: 1e-2,
  warmupSteps: 50,
  schedule: 'cosine',
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.02,
  clipNorm: 1,
  ema: null,
  seed: 0,
  heldOutSamples: 32,
  heldOutEvery: 100,
  checkpointEvery: 100,
};

export const DEFAULT_FINE_TUNE: FineTuneSettings = {
  train: 'all',
  steps: 1500,
  batch: 16,
  learningRate: 1e-3,
  warmupSteps: 50,
  schedule: 'cosine',
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.02,
  clipNorm: 1,
  ema: null,
  seed: 0,
  checkpointEvery: 100,
};

/**
 * A learning rate to begin with, by the square of the width: through the official trainers' 1e-5 at 3072 and 1e-2 at 96, the
 * best of those tried on the sample model (docs/log.md). In between it is a guess.
 */
export function defaultLearningRate(width: number): number {
  return Number((1e-5 * (3072 / width) ** 2).toPrecision(1));
}

export const DEFAULT_CACHE_BYTES = 8 * 2 ** 30;

/** Characters of a run's name; a longer one is refused. */
export const MAX_RUN_NAME = 200;

/** The settings of jobs that make blocks narrower. */
export function narrowSettings({ distil, narrow }: Pick<RunSettings, 'distil' | 'narrow'>): DistilSettings {
  const { steps, learningRate } = narrow ?? { steps: distil.steps, learningRate: distil.learningRate / 10 };
  return { ...distil, steps, learningRate, warmupSteps: Math.min(distil.warmupSteps, steps) };
}
