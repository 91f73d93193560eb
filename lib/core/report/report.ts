/**
 * What one analysis measured, as plain JSON: written by lib/core/analysis in a worker or by `contigua analyse`, read by
 * the page, the planner and anyone's notebook. No tensors, no NaN: what does not exist is `null`, shown as "n/a".
 * Indices are 0-based teacher blocks; `M` is their number.
 */
export const REPORT_VERSION = 1;

export type Stream = 'image' | 'text';
export const STREAMS: readonly Stream[] = ['image', 'text'];

export type CkaEstimator = 'debiased' | 'biased';
/** What `cka(u, k)` compares the surrogate's state after block k with: the paper's rule, or the other reading. */
export type CkaTarget = 'teacher-after-k' | 'teacher-after-u';
/** Whether block u itself runs (`u + probes u+1..k`, the default) or is a probe too (`probes u..k`). */
export type SurrogateStart = 'block-u' | 'probe-u';

export type Matrix = readonly (readonly (number | null)[])[];

export interface CalibrationFacts {
  /** `shapes`: prompts and pictures of the sample's grammar; `file`: the user's calibration.safetensors; `synthetic`: seeded noise. */
  readonly kind: 'shapes' | 'file' | 'synthetic';
  /** Shown wherever a number from it is: "64 prompts × 8 timesteps", "SYNTHETIC inputs, seed 7". */
  readonly label: string;
  readonly seed: number | null;
  readonly samples: number;
  /** Distinct model timesteps in [0, 1], ascending. */
  readonly timesteps: readonly number[];
  /** Samples (rows, tokens) per stream; padded text tokens are never counted. */
  readonly tokens: Readonly<Record<Stream, number>>;
  /** Tokens that the probes were fitted on and tested on; whole samples are held out, never single tokens. */
  readonly fitTokens: Readonly<Record<Stream, number>>;
  readonly heldOutTokens: Readonly<Record<Stream, number>>;
}

export interface StreamAnalysis {
  /** Held-out R² of the residual probe of each block [M]; null where the block does not update the stream. */
  readonly probeR2: readonly (number | null)[];
  /** Relative held-out error ‖l(x) − y‖ / ‖y − x‖ of each probe [M]: 0 is perfect, 1 is as bad as leaving the block out. */
  readonly probeError: readonly (number | null)[];
  /** CKA between the states after blocks i and j [M][M], symmetric, 1 on the diagonal. */
  readonly cka: Readonly<Record<CkaEstimator, Matrix>>;
  /**
   * `cka(u, k)` per reading, [M][M], null for k < u; for `block-u` + `teacher-after-k` the diagonal is 1.
   * The surrogate is `T^{u→k}` of the method; keys are `${SurrogateStart}/${CkaTarget}`.
   */
  readonly trajectories: Readonly<Record<CkaEstimator, Readonly<Record<TrajectoryReading, Matrix>>>>;
}
export type TrajectoryReading = `${SurrogateStart}/${CkaTarget}`;

/** What removing `first+1..last` does, measured on held-out samples with the whole forward pass. */
export interface IntervalDamage {
  readonly first: number;
  readonly last: number;
  /** ‖out_pruned − out‖ / ‖out‖ with blocks first+1..last just removed; null where the pruned model overflows. */
  readonly removedError: number | null;
  /** The same with their probes in place. */
  readonly probedError: number | null;
  /** Direction error of block `first` alone against the state after `last`, summed over streams (method, stage 1.3). */
  readonly directionError: number;
}

export interface AnalysisReport {
  readonly version: typeof REPORT_VERSION;
  readonly model: {
    readonly name: string;
    readonly fingerprint: string;
    readonly family: string;
    readonly numBlocks: number;
    /** First blocks of every stack but the first; left out where all blocks are one stack. */
    readonly seams?: readonly number[];
  };
  readonly calibration: CalibrationFacts;
  readonly settings: { readonly ridge: number; readonly heldOutShare: number };
  readonly streams: Readonly<Record<Stream, StreamAnalysis>>;
  /** For each interval that the default rule detects on the debiased mean; further ones are measured when asked for. */
  readonly damage: readonly IntervalDamage[];
  /** Median forward time of each block per sample of the calibration, milliseconds [M]. */
  readonly blockMs: readonly number[];
  readonly engine: { readonly name: string; readonly device: string };
  /** Wall time per stage, milliseconds. */
  readonly stagesMs: Readonly<Record<string, number>>;
}
