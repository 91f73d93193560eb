/**
 * How well each score orders the intervals of the model at hand, as far as it was measured what taking them out does: Spearman's
 * rank correlation with measured ablation over the intervals that were measured.
 */
import type { BlockInterval } from '../interval/interval.ts';
import { type RankCorrelation, rankCorrelation } from './rank-correlation.ts';
import { DAMAGE_SCORES, type NamedScore, REFERENCE_SCORE, scoreNamed } from './scores/index.ts';
import type { RankableReport } from './scores/score.ts';
import { DEFAULT_DETECTION, type DetectionSettings } from './settings.ts';

export interface ScoreCorrelation {
  readonly score: NamedScore;
  /** Null where too few intervals have been measured (`LEAST_PAIRS`), or the report has no such score. */
  readonly correlation: RankCorrelation | null;
}

/** Intervals that the reference was measured on. */
export function referenceIntervals({ damage }: Pick<RankableReport, 'damage'>): BlockInterval[] {
  return damage.filter(({ edit }) => edit.by === 'nothing').map(({ edit }) => edit);
}

/** Of every score but the reference itself, in the order of the registry. */
export function scoreCorrelations(
  report: RankableReport,
  settings: DetectionSettings = DEFAULT_DETECTION,
): ScoreCorrelation[] {
  const intervals = referenceIntervals(report);
  const valuesOf = ({ of }: NamedScore) => intervals.map((interval) => of(report, interval, settings));
  const reference = valuesOf(scoreNamed(REFERENCE_SCORE));
  return DAMAGE_SCORES.filter(({ name }) => name !== REFERENCE_SCORE).map((score) => ({
    score,
    correlation: rankCorrelation(valuesOf(score), reference),
  }));
}
