/**
 * Detection proposes, a damage score ranks: the rule cuts nearly the whole depth into intervals, sensitive blocks
 * included. Which score predicts best is for a trained model to say.
 */
import type { BlockInterval } from '../interval/interval.ts';
import { type DamageScore, scoreNamed } from './scores/index.ts';
import type { RankableReport } from './scores/score.ts';
import { DEFAULT_DETECTION, type DetectionSettings } from './settings.ts';

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
  return scoreNamed(score).of(report, interval, settings);
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

/** What an interval adds to the damage of a plan, by a score; null where the report cannot say. */
export function addedDamage(
  report: RankableReport,
  interval: BlockInterval,
  score: DamageScore,
  settings: DetectionSettings = DEFAULT_DETECTION,
): number | null {
  const value = damageScore(report, interval, score, settings);
  return value === null || scoreNamed(score).adds === 'plainly' ? value : value ** 2;
}

/** What a sum of `addedDamage` predicts, on the scale of the score. */
export function totalOfAdded(score: DamageScore, sum: number): number {
  return scoreNamed(score).adds === 'plainly' ? sum : Math.sqrt(sum);
}

/**
 * The damage that a score predicts of disjoint intervals together, on the scale of the score: their sum, or the root of the
 * sum of squares. Null where the report cannot say one of them.
 */
export function totalScore(
  report: RankableReport,
  intervals: readonly BlockInterval[],
  score: DamageScore,
  settings: DetectionSettings = DEFAULT_DETECTION,
): number | null {
  let total = 0;
  for (const interval of intervals) {
    const one = addedDamage(report, interval, score, settings);
    if (one === null) return null;
    total += one;
  }
  return totalOfAdded(score, total);
}
