/**
 * What one analysis measured, as plain JSON: written by lib/core/analysis in a worker or by `contigua analyse`, read by
 * the page, the planner and anyone's notebook. No tensors, no NaN: what does not exist or was not measured is `null`,
 * shown as "n/a". Indices are 0-based teacher blocks; `M` is their number. Streams, stacks and blocks are those that the
 * model declares. upgrade-v1.ts and upgrade-v2.ts read what earlier versions wrote.
 */
import { type FfnEdit, type RunEdit, sameEdit, type TextStreamEdit } from '../edit/index.ts';
import type { BlockHalf, DeclaredBlock, DeclaredStack, StreamId, StreamSpec } from '../model/config-index.ts';

export const REPORT_VERSION = 3;

export type CkaEstimator = 'debiased' | 'biased';
/** What `cka(u, k)` compares the surrogate's state after block k with: the paper's rule, or the other reading. */
export type CkaTarget = 'teacher-after-k' | 'teacher-after-u';
/** Whether block u itself runs (`u + probes u+1..k`, the default) or is a probe too (`probes u..k`). */
export type SurrogateStart = 'block-u' | 'probe-u';

/** Which tokens similarities are taken over: those that no probe was fitted on, or all of them. */
export type Rows = 'held-out' | 'all';

export type Matrix = readonly (readonly (number | null)[])[];
/** A number for each stream of the model. */
export type PerStream<T> = Readonly<Record<StreamId, T>>;

export interface CalibrationFacts {
  /**
   * `shapes`: prompts and pictures of the sample's grammar; `file`: the user's calibration.safetensors; `synthetic`: seeded noise;
   * `trace`: states that were captured elsewhere, of a model whose weights took no part.
   */
  readonly kind: 'shapes' | 'file' | 'synthetic' | 'trace';
  /** Shown wherever a number from it is: "64 prompts × 8 timesteps", "SYNTHETIC inputs, seed 7". */
  readonly label: string;
  readonly seed: number | null;
  /** Which file, where it is one; of a trace the calibration that it is of. Null elsewhere and in reports of version 1. */
  readonly file: CalibrationFile | null;
  readonly samples: number;
  /** Distinct model timesteps in [0, 1], ascending. */
  readonly timesteps: readonly number[];
  /** Samples (rows, tokens) per stream; padded text tokens are never counted. */
  readonly tokens: PerStream<number>;
  /** Tokens that the probes were fitted on and tested on; whole samples are held out, never single tokens. */
  readonly fitTokens: PerStream<number>;
  readonly heldOutTokens: PerStream<number>;
  /** Tokens that there were, where only some of them were read; absent where all were. */
  readonly validTokens?: PerStream<number> | undefined;
}

export interface CalibrationFile {
  readonly name: string;
  /** Leading hexadecimal digits of a SHA-256 over the SHA-256 of each of its pieces (lib/core/checkpoint/file-digits.ts). */
  readonly digits: string;
}

/** Of a percentile bootstrap over prompt groups, at `Confidence.level`. */
export interface Bounds {
  readonly low: number;
  readonly high: number;
}
export interface MatrixBounds {
  readonly low: Matrix;
  readonly high: Matrix;
}
export type PerEstimator<T> = Readonly<Record<CkaEstimator, T>>;
/** Keys are `${SurrogateStart}/${CkaTarget}`. */
export type TrajectoryReading = `${SurrogateStart}/${CkaTarget}`;
export type PerReading<T> = Readonly<Record<TrajectoryReading, T>>;

/** CKA of one stream over some of its tokens. */
export interface Similarity {
  /** Tokens that it was taken over. */
  readonly rows: number;
  /** Tokens of the largest batch, where HSIC was added up over random batches of them; absent where all were taken at once. */
  readonly batchRows?: number | undefined;
  /** CKA between the states after blocks i and j [M][M], symmetric, 1 on the diagonal. */
  readonly cka: PerEstimator<Matrix>;
  /**
   * `cka(u, k)` per reading, [M][M], null for k < u; for `block-u` + `teacher-after-k` the diagonal is 1.
   * The surrogate is `T^{u→k}` of the method.
   */
  readonly trajectories: PerEstimator<PerReading<Matrix>>;
  /** Null where nothing was resampled. */
  readonly bounds: SimilarityBounds | null;
}

export interface SimilarityBounds {
  readonly cka: PerEstimator<MatrixBounds>;
  readonly trajectories: PerEstimator<PerReading<MatrixBounds>>;
}

export interface StreamAnalysis {
  /** Held-out R² of the residual probe of each block [M]; null where the block does not update the stream. */
  readonly probeR2: readonly (number | null)[];
  /** Relative held-out error ‖l(x) − y‖ / ‖y − x‖ of each probe [M]: 0 is perfect, 1 is as bad as leaving the block out. */
  readonly probeError: readonly (number | null)[];
  /** [M] each; null where nothing was resampled. */
  readonly probeBounds: {
    readonly r2: readonly (Bounds | null)[];
    readonly error: readonly (Bounds | null)[];
  } | null;
  /** Null on `held-out` where nothing was held out, and in reports of versions 1 and 2, which took all tokens alone. */
  readonly similarity: Readonly<Record<Rows, Similarity | null>>;
  /** One per `bands` of the report, over held-out tokens; none in reports of versions 1 and 2. */
  readonly bands: readonly BandAnalysis[];
}

export type BandAnalysis = Pick<StreamAnalysis, 'probeR2' | 'probeError'> & { readonly similarity: Similarity };

/** What one edit alone does to the model's output, measured on held-out samples with the whole forward pass. */
export interface EditDamage {
  readonly edit: RunEdit;
  /** ‖out_edited − out‖ / ‖out‖; null where the edited model overflows. */
  readonly outputError: number | null;
  readonly bounds: Bounds | null;
  /** One per `bands` of the report; empty where they were not measured apart. */
  readonly bands: readonly (number | null)[];
}

/** A half of a block, or the whole of one: the first block of a stack can be left out, though no run of blocks says so. */
export type BlockPart = BlockHalf | 'block';

/** The same for one part of one block, taken out of every stream that the block updates. */
export interface PartDamage extends Omit<EditDamage, 'edit'> {
  readonly block: number;
  readonly part: BlockPart;
}

/** One edit that makes blocks narrower, alone, with the linear maps of its least-squares fit in place. */
export interface WidthDamage extends Omit<EditDamage, 'edit'> {
  readonly edit: TextStreamEdit | FfnEdit;
  /** ‖l(x) − y‖ / ‖y‖ on held-out tokens, of several maps the root mean square; null where nothing was held out or changes. */
  readonly fitError: number | null;
  readonly fitBounds: Bounds | null;
  /** ‖l(x) − y‖ / ‖y − x‖: 1 is as bad as leaving the layers out. */
  readonly changeError: number | null;
}

/** Cheap stand-ins for measured damage, from the states of the whole model alone [M], over held-out tokens. */
export interface Proxies {
  /** 1 − mean cosine of a token's state before and after the block (ShortGPT). */
  readonly blockInfluence: PerStream<readonly (number | null)[]>;
  /** Mean squared difference of the states before and after the block (Flux.1 Lite). */
  readonly inputOutputMse: PerStream<readonly (number | null)[]>;
  /** The same between the states after blocks `first` and `last` [M][M], mean over the streams that block `last` updates; null for last ≤ first. */
  readonly intervals: { readonly blockInfluence: Matrix; readonly inputOutputMse: Matrix };
}

/** How the figures were measured. */
export interface ReportSettings {
  /** Relative to the mean diagonal of the normal equations. */
  readonly ridge: number;
  /** Held-out samples that went through the whole model for each measured edit. */
  readonly damageSamples: number | null;
  /** Tokens of each stream that were read at most; absent where all were. */
  readonly tokens?: number | undefined;
}

/** Which samples probes were fitted on and which they were judged on. Whole samples are held out, never single tokens. */
export type SplitFacts =
  | {
      /** Samples of the same prompt are on one side, and every timestep has its share on both. */
      readonly rule: 'prompt-groups';
      readonly seed: number;
      /** Share of the samples that were to be held out. */
      readonly share: number;
      /** Samples of equal text inputs, or of equal `prompt_group` where the calibration names them, are one group. */
      readonly groups: number;
      readonly heldOutGroups: number;
      /** Ascending. */
      readonly timesteps: readonly SplitTimestep[];
    }
  /** Versions 1 and 2: samples by the fractional parts of multiples of the golden ratio, whatever their prompts and timesteps. */
  | { readonly rule: 'golden-ratio'; readonly share: number };
export type SplitRule = SplitFacts['rule'];

export interface SplitTimestep {
  /** In [0, 1]. */
  readonly timestep: number;
  readonly samples: number;
  readonly heldOut: number;
  /** Tokens of each stream, of all its samples and of those held out; left out by earlier versions. */
  readonly tokens?: PerStream<{ readonly all: number; readonly heldOut: number }>;
}

/** Timesteps that are read together. */
export interface NoiseBand {
  /** `early` is high noise, timesteps near 1. */
  readonly id: 'early' | 'middle' | 'late';
  readonly label: string;
  readonly timesteps: readonly number[];
  readonly heldOutSamples: number;
}

/** How sure the figures are: held-out prompt groups were resampled with replacement. */
export interface Confidence {
  readonly level: 0.95;
  readonly resamples: number;
  readonly seed: number;
  /** Held-out prompt groups. */
  readonly groups: number;
  /** One per reading: what the rule finds in the resamples. */
  readonly detections: readonly DetectionConfidence[];
}

export interface DetectionConfidence {
  readonly estimator: CkaEstimator;
  readonly start: SurrogateStart;
  readonly target: CkaTarget;
  /** `mean` or a stream's id. */
  readonly streams: string;
  /** Share of the resamples in which the interval is detected, for each that is found in any. */
  readonly intervals: readonly { readonly first: number; readonly last: number; readonly share: number }[];
  /** Share of the resamples in which the run from `start` breaks after `block`. */
  readonly breaks: readonly { readonly start: number; readonly block: number; readonly share: number }[];
}

export interface ReportModel {
  readonly name: string;
  /** Null for a trace of a model whose weights were not at hand. */
  readonly fingerprint: string | null;
  readonly className: string | null;
  readonly family: string | null;
  readonly numBlocks: number;
  /** Features of a token's state; null in reports of versions 1 and 2. */
  readonly width: number | null;
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
  readonly split: SplitFacts;
  /** Early, middle and late timesteps; none in reports of versions 1 and 2. */
  readonly bands: readonly NoiseBand[];
  /** Null where nothing was resampled. */
  readonly confidence: Confidence | null;
  readonly streams: PerStream<StreamAnalysis>;
  /**
   * For each interval that the default rule detects on the debiased mean, by nothing and by probes; over all tokens where
   * those held out are too few. Further ones are measured when asked for.
   */
  readonly damage: readonly EditDamage[];
  /**
   * Direction error of block `u` alone against the state after `k`, summed over the streams that block k updates [M][M]
   * (method, stage 1.3); null for k ≤ u and where it was not measured.
   */
  readonly directionErrors: Matrix;
  /** Null where they were not taken. */
  readonly proxies: Proxies | null;
  /** Measured when asked for. */
  readonly parts: readonly PartDamage[];
  /** Measured when asked for; absent where nothing was. */
  readonly width?: readonly WidthDamage[] | undefined;
  /** Median forward time of each block per sample of the calibration, milliseconds [M]; null where it was not timed. */
  readonly blockMs: readonly (number | null)[];
  /** Null where no engine of ours computed the states. */
  readonly engine: { readonly name: string; readonly device: string } | null;
  /** Wall time per stage, milliseconds. */
  readonly stagesMs: Readonly<Record<string, number>>;
}

/** What was measured of one part of one block alone; undefined where it was not measured. */
export function partDamageOf(
  { parts }: Pick<AnalysisReport, 'parts'>,
  block: number,
  part: BlockPart,
): PartDamage | undefined {
  return parts.find((one) => one.block === block && one.part === part);
}

/** What was measured of an edit: its error, null where the edited model overflows, undefined where it was not measured. */
export function outputErrorOf(report: Pick<AnalysisReport, 'damage'>, edit: RunEdit): number | null | undefined {
  return damageOf(report, edit)?.outputError;
}

/** What was measured of an edit; undefined where it was not measured. */
export function damageOf({ damage }: Pick<AnalysisReport, 'damage'>, edit: RunEdit): EditDamage | undefined {
  const { on, first, last, by } = edit;
  return damage.find(({ edit: e }) => e.on === on && e.first === first && e.last === last && e.by === by);
}

/** What was measured of an edit that makes blocks narrower; undefined where it was not measured. */
export function widthDamageOf(
  { width = [] }: Pick<AnalysisReport, 'width'>,
  edit: Parameters<typeof sameEdit>[0],
): WidthDamage | undefined {
  return width.find((one) => sameEdit(one.edit, edit));
}
