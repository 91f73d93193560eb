/** What is written down of how well a score predicts, per sample model (score-quality.ts reads it). */

/** Spearman's ρ over `n` pairs with its 95 % bootstrap interval, to two decimals. */
export interface WrittenCorrelation {
  readonly rho: number;
  readonly low: number;
  readonly high: number;
  readonly n: number;
}

/** With the facts lost after distillation. */
export interface ScoreQuality {
  /** Over single intervals. */
  readonly intervals: WrittenCorrelation;
  /** Of what it predicts of whole plans (`Score.adds`), mean over plans that remove as many blocks; null where plans were not measured. */
  readonly plans: WrittenCorrelation | null;
}

export interface ModelQuality {
  /** Training steps of each student. */
  readonly steps: number;
  /** Captions whose facts were counted. */
  readonly captions: number;
  readonly scores: Readonly<Record<string, ScoreQuality>>;
}

/** By name of the sample model. */
export type MeasuredQuality = Readonly<Record<string, ModelQuality>>;
