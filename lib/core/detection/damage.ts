/**
 * Detection proposes, a damage score ranks: the rule cuts nearly the whole depth into intervals, sensitive blocks
 * included. Five candidate scores, all "smaller is safer"; which one predicts best is for a trained model to say.
 * Scores need not be comparable with each other, only within themselves.
 */
import { runEdit } from '../edit/edit.ts';
import type { BlockInterval } from '../interval/interval.ts';
import { type AnalysisReport, outputErrorOf } from '../report/report.ts';
import { DEFAULT_DETECTION, type DetectionSettings } from './settings.ts';
import { similarityOf } from './trajectory.ts';

/**
 * - `removed`, `probed`: measured relative output error with blocks first+1..last removed, or replaced by their probes;
 * - `cka`: 1 − cka(first, last) of the surrogate;
 * - `probe`: held-out probe errors of blocks first+1..last, mean over streams, summed over blocks;
 * - `direction`: direction error of block `first` alone against the state after `last`.
 */
export type DamageScore = 'removed' | 'probed' | 'cka' | 'probe' | 'direction';
export const DAMAGE_SCORES: readonly DamageScore[] = ['removed', 'probed', 'cka', 'probe', 'direction'];
/** Predicted best what pruning does to the sample model's pictures (docs/damage-scores.md, bench/damage-scores.ts). */
export const DEFAULT_DAMAGE_SCORE: DamageScore = 'cka';

export type RankableReport = Pick<AnalysisReport, 'streams' | 'damage' | 'directionErrors'>;
export interface RankedInterval {
  readonly interval: BlockInterval;
  /** Null where the report cannot say: such intervals come last. */
  readonly score: number | null;
}

export function damageScore(
  report: RankableReport,
  interval: BlockInterval,
  score: DamageScore,
  settings: DetectionSettings = DEFAULT_DETECTION,
): number | null {
  switch (score) {
    case 'removed':
      return outputErrorOf(report, runEdit(interval, 'nothing')) ?? null;
    case 'probed':
      return outputErrorOf(report, runEdit(interval, 'probes')) ?? null;
    case 'direction':
      return report.directionErrors[interval.first]?.[interval.last] ?? null;
    case 'cka': {
      const cka = similarityOf(report, settings, interval);
      return cka === null ? null : 1 - cka;
    }
    case 'probe':
      return accumulatedProbeError(report, interval);
    default:
      return score satisfies never;
  }
}

/** Least damage first; equal scores keep the order of depth. */
export function rankByDamage(
  report: RankableReport,
  intervals: readonly BlockInterval[],
  score: DamageScore,
  settings: DetectionSettings = DEFAULT_DETECTION,
): RankedInterval[] {
  return intervals
    .map((interval) => ({ interval, score: damageScore(report, interval, score, settings) }))
    .sort((a, b) => (a.score ?? Infinity) - (b.score ?? Infinity) || a.interval.first - b.interval.first);
}

/**
 * Takes intervals in the ranked order until exactly `removeCount` blocks go (an interval of n blocks removes n − 1), in
 * order of depth. The interval that would overshoot is shortened at its end, so choices for growing counts are nested.
 * Fewer are removed only when the intervals hold no more.
 */
export function chooseByBudget(ranked: readonly RankedInterval[], removeCount: number): BlockInterval[] {
  const chosen: BlockInterval[] = [];
  let left = Math.max(0, Math.floor(removeCount));
  for (const { interval } of ranked) {
    if (left === 0) break;
    const removed = Math.min(interval.last - interval.first, left);
    if (removed <= 0) continue;
    chosen.push({ first: interval.first, last: interval.first + removed });
    left -= removed;
  }
  return chosen.sort((a, b) => a.first - b.first);
}

/** Scores of disjoint intervals, summed; null where the report cannot say one of them. */
export function totalScore(
  report: RankableReport,
  intervals: readonly BlockInterval[],
  score: DamageScore,
  settings: DetectionSettings = DEFAULT_DETECTION,
): number | null {
  let total = 0;
  for (const interval of intervals) {
    const one = damageScore(report, interval, score, settings);
    if (one === null) return null;
    total += one;
  }
  return total;
}

function accumulatedProbeError(report: RankableReport, { first, last }: BlockInterval): number | null {
  let sum = 0;
  let blocks = 0;
  for (let block = first + 1; block <= last; block++) {
    const errors = Object.values(report.streams)
      .map(({ probeError }) => probeError[block] ?? null)
      .filter((e) => e !== null);
    if (errors.length === 0) continue;
    sum += errors.reduce((a, b) => a + b, 0) / errors.length;
    blocks++;
  }
  return blocks === 0 ? null : sum;
}
