/**
 * What one analysis measured, as plain JSON: written by lib/core/analysis in a worker or by `contigua analyse`, read by
 * the page, the planner and anyone's notebook. No tensors, no NaN: what does not exist or was not measured is `null`,
 * shown as "n/a". Indices are 0-based teacher blocks; `M` is their number. Streams, stacks and blocks are those that the
 * model declares. upgrade.ts reads what version 1 wrote.
 */
import type { Edit } from '../edit/index.ts';
import type { DeclaredBlock, DeclaredStack, StreamId, StreamSpec } from '../model/config-index.ts';

export const REPORT_VERSION = 2;

export type CkaEstimator = 'debiased' | 'biased';
/** What `cka(u, k)` compares the surrogate's state after block k with: the paper's rule, or the other reading. */
export type CkaTarget = 'teacher-after-k' | 'teacher-after-u';
/** Whether block u itself runs (`u + probes u+1..k`, the default) or is a probe too (`probes u..k`). */
export type SurrogateStart = 'block-u' | 'probe-u';

export type Matrix = readonly (readonly (number | null)[])[];
/** A number for each stream of the model. */
export type PerStream<T> = Readonly<Record<StreamId, T>>;

export interface CalibrationFacts {
  /** `shapes`: prompts and pictures of the sample's grammar; `file`: the user's calibration.safetensors; `synthetic`: seeded noise. */
  readonly kind: 'shapes' | 'file' | 'synthetic';
  /** Shown wherever a number from it is: "64 prompts × 8 timesteps", "SYNTHETIC inputs, seed 7". */
  readonly label: string;
  readonly seed: number | null;
  /** Which file, where it is one; null elsewhere and in reports of version 1. */
  readonly file: CalibrationFile | null;
  readonly samples: number;
  /** Distinct model timesteps in [0, 1], ascending. */
  readonly timesteps: readonly number[];
  /** Samples (rows, tokens) per stream; padded text tokens are never counted. */
  readonly tokens: PerStream<number>;
  /** Tokens that the probes were fitted on and tested on; whole samples are held out, never single tokens. */
  readonly fitTokens: PerStream<number>;
  readonly heldOutTokens: PerStream<number>;
}

export interface CalibrationFile {
  readonly name: string;
  /** Leading hexadecimal digits of a SHA-256 over the SHA-256 of each of its pieces (lib/core/checkpoint/file-digits.ts). */
  readonly digits: string;
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

/** What one edit alone does to the model's output, measured on held-out samples with the whole forward pass. */
export interface EditDamage {
  readonly edit: Edit;
  /** ‖out_edited − out‖ / ‖out‖; null where the edited model overflows. */
  readonly outputError: number | null;
}

/** How the figures were measured. */
export interface ReportSettings {
  /** Relative to the mean diagonal of the normal equations. */
  readonly ridge: number;
  /** Share of the samples that probes are judged on. */
  readonly heldOutShare: number;
  /** How the held-out samples are chosen: `golden-ratio` spreads them over the order of the samples. */
  readonly split: 'golden-ratio';
  /** Held-out samples that went through the whole model for each measured edit. */
  readonly damageSamples: number | null;
}

export interface ReportModel {
  readonly name: string;
  /** Null for a trace of a model whose weights were not at hand. */
  readonly fingerprint: string | null;
  readonly className: string | null;
  readonly family: string | null;
  readonly numBlocks: number;
  /** In the order in which they are shown. */
  readonly streams: readonly StreamSpec[];
  /** In the order in which they run; no interval crosses from one into the next. */
  readonly stacks: readonly DeclaredStack[];
  /** [M] */
  readonly blocks: readonly DeclaredBlock[];
}

export interface AnalysisReport {
  readonly version: typeof REPORT_VERSION;
  readonly model: ReportModel;
  readonly calibration: CalibrationFacts;
  readonly settings: ReportSettings;
  readonly streams: PerStream<StreamAnalysis>;
  /** For each interval that the default rule detects on the debiased mean, by nothing and by probes; further ones are measured when asked for. */
  readonly damage: readonly EditDamage[];
  /**
   * Direction error of block `u` alone against the state after `k`, summed over the streams that block k updates [M][M]
   * (method, stage 1.3); null for k ≤ u and where it was not measured.
   */
  readonly directionErrors: Matrix;
  /** Median forward time of each block per sample of the calibration, milliseconds [M]; null where it was not timed. */
  readonly blockMs: readonly (number | null)[];
  /** Null where no engine of ours computed the states. */
  readonly engine: { readonly name: string; readonly device: string } | null;
  /** Wall time per stage, milliseconds. */
  readonly stagesMs: Readonly<Record<string, number>>;
}

/** What was measured of an edit: its error, null where the edited model overflows, undefined where it was not measured. */
export function outputErrorOf({ damage }: Pick<AnalysisReport, 'damage'>, edit: Edit): number | null | undefined {
  const { on, first, last, by } = edit;
  return damage.find(({ edit: e }) => e.on === on && e.first === first && e.last === last && e.by === by)?.outputError;
}
