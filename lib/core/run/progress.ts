/** What a trainer reports while it works, and what it leaves: numbers and the names of files, never tensors. */
import type { PerStream } from '../report/report.ts';

/** One optimizer step. Means over samples and valid tokens of a batch, and over the step's batches. */
export interface StepPoint {
  /** 1 for the first. */
  readonly step: number;
  /** The loss of each stream that takes part, by its id; their sum is what is trained on. */
  readonly losses: PerStream<number>;
  /** Before clipping. */
  readonly gradientNorm: number;
  readonly learningRate: number;
  readonly durationMs: number;
}

/** Error of a stand-in for an interval, against the teacher's state after it, over held-out valid tokens of one stream. */
export interface StreamError {
  /** mean_tokens Σ_dim (ĥ/‖ĥ‖ − h/‖h‖)²: 0 is the same direction, 2 at right angles, 4 opposite. */
  readonly direction: number;
  /** mean_tokens |‖ĥ‖/‖h‖ − 1| */
  readonly magnitude: number;
  /** ‖ĥ − h‖_F / ‖h‖_F over all tokens together. */
  readonly relative: number;
}

/** By stream; null for one that the interval's last block does not update, or that nothing reads. */
export type StandInError = PerStream<StreamError | null>;

/** What the student has to beat, measured once on the same held-out samples. */
export interface Baselines {
  /** The interval's first block as it stands, the rest removed. */
  readonly firstBlock: StandInError;
  /** The first block, then the linear probes of the others, fitted on other samples. */
  readonly probes: StandInError;
  /** The whole interval removed: the state before it in place of the state after it. */
  readonly removal: StandInError;
}

export interface HeldOutPoint {
  /** Optimizer steps done; 0 is the student as it starts. */
  readonly step: number;
  readonly student: StandInError;
}

/** A file that a trainer has written whole: its URL as the trainer sees it, its size and the checksum of its bytes. */
export interface SavedFile {
  readonly url: string;
  readonly sizeBytes: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/** Partial results of the task `distil`, in the order in which they happen. */
export type DistilProgress =
  | { readonly kind: 'baselines'; readonly baselines: Baselines; readonly startBlock: number }
  | { readonly kind: 'steps'; readonly points: readonly StepPoint[] }
  | { readonly kind: 'held-out'; readonly point: HeldOutPoint }
  | { readonly kind: 'checkpoint'; readonly step: number; readonly file: SavedFile };

export interface DistilResult {
  readonly student: SavedFile;
  readonly steps: number;
  readonly heldOut: HeldOutPoint;
}

/** Of linear maps and shared modulations: what training made, or the start in closed form where that errs less on held-out samples. */
export type KeptWeights = 'trained' | 'start';

/** What a job of edits that make blocks narrower leaves. */
export interface NarrowResult extends DistilResult {
  readonly kept: KeptWeights;
  /** Of the start: of maps ‖ŷ − y‖ / ‖y‖, of modulations ‖M̂ − M‖ / ‖M‖, on held-out samples or timesteps; null where there are none. */
  readonly fitError: number | null;
}
