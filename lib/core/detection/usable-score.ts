/**
 * Which score ranks where the one that is wanted may not be measured on every interval. Part of a measured score would rank
 * by what happens to be known, so that a score which every report has stands in until all of it is there; who shows a
 * ranking says which score made it.
 */
import type { BlockInterval, Depth } from '../interval/interval.ts';
import { runsOf } from './ablation.ts';
import { type DamageScore, DEFAULT_DAMAGE_SCORE, STAND_IN_SCORE, scoreNamed } from './scores/index.ts';
import type { RankableReport } from './scores/score.ts';
import { DEFAULT_DETECTION, type DetectionSettings } from './settings.ts';

export interface UsableScore {
  readonly score: DamageScore;
  /** Null where `score` is the one that was wanted. */
  readonly standsInFor: { readonly score: DamageScore; readonly missing: number; readonly of: number } | null;
}

export function usableScore(
  report: RankableReport,
  intervals: readonly BlockInterval[],
  wanted: DamageScore = DEFAULT_DAMAGE_SCORE,
  settings: DetectionSettings = DEFAULT_DETECTION,
): UsableScore {
  const { needs, of } = scoreNamed(wanted);
  const missing = needs === null ? 0 : intervals.filter((one) => of(report, one, settings) === null).length;
  if (missing === 0) return { score: wanted, standsInFor: null };
  return { score: STAND_IN_SCORE, standsInFor: { score: wanted, missing, of: intervals.length } };
}

/** The one that a choice of least total damage goes by: measured ablation knows the short intervals alone. */
export function leastScore(
  report: RankableReport,
  depth: Depth,
  settings: DetectionSettings = DEFAULT_DETECTION,
  wanted: DamageScore = DEFAULT_DAMAGE_SCORE,
): UsableScore {
  return usableScore(report, runsOf(depth), wanted, settings);
}

/** Why another score ranks; null where the wanted one does. */
export function standInWords({ score, standsInFor }: UsableScore): string | null {
  if (!standsInFor) return null;
  const { score: wanted, missing, of } = standsInFor;
  return `Ranked by ${scoreNamed(score).label}: ${scoreNamed(wanted).label} is not measured on ${missing} of ${of} intervals.`;
}
