/**
 * How much damage a plan is predicted to do, from what a report says of its edits alone. The planner adds terms up, so a
 * prediction is a term for each edit and what their sum means. This is the one place that decides it: *Minimise*, the
 * planner and the page's chart agree as long as all of them ask here.
 *
 * Scores that are errors of the output add as squares: edits err in directions that have little in common, and over plans
 * of equal depth the sum of squares orders measured errors far better than the sum (docs/damage-scores.md). Other scores
 * add as they are.
 */
import { type DetectionSettings, damageScore, leastScore, scoreNamed, type UsableScore } from '../detection/index.ts';
import type { RunEdit, RunSet } from '../edit/index.ts';
import { type AnalysisReport, type Bounds, damageOf } from '../report/index.ts';

export interface Prediction {
  /** "1 − surrogate CKA, added up" */
  readonly label: string;
  /** Whether totals are shares of the output's size, which people read in percent. */
  readonly isShare: boolean;
  /** Adds up over the edits of a plan; null where the report cannot say, and the edit is no candidate. */
  termOf(edit: RunEdit): number | null;
  /** What a sum of terms predicts. Rises with the sum. */
  totalOf(sum: number): number;
  /** Of the total of these edits, with every edit at its lower or at its upper bound; null where one has none. */
  boundsOf(edits: RunSet): Bounds | null;
}

/** The default: the score that *Minimise* goes by. */
export function predictionOf(
  report: AnalysisReport,
  settings: DetectionSettings,
  { score }: Pick<UsableScore, 'score'> = leastScore(report, report.model, settings),
): Prediction {
  const { label, isShare, needs } = scoreNamed(score);
  const [inward, outward] = isShare
    ? [(value: number) => value * value, Math.sqrt]
    : [(value: number) => value, (sum: number) => sum];
  return {
    label: `${label}, ${isShare ? 'squares added up' : 'added up'}`,
    isShare,
    termOf(edit) {
      const value = damageScore(report, edit, score, settings);
      return value === null ? null : inward(value);
    },
    totalOf: (sum) => outward(Math.max(0, sum)),
    boundsOf(edits) {
      if (needs === null || edits.length === 0) return null;
      let [low, high] = [0, 0];
      for (const edit of edits) {
        const bounds = damageOf(report, { ...edit, by: needs })?.bounds;
        if (!bounds) return null;
        low += inward(bounds.low);
        high += inward(bounds.high);
      }
      return { low: outward(low), high: outward(high) };
    },
  };
}

/** The total of a set of edits; null where the report cannot say one of them. */
export function predictedDamage(prediction: Prediction, edits: RunSet): number | null {
  let sum = 0;
  for (const edit of edits) {
    const term = prediction.termOf(edit);
    if (term === null) return null;
    sum += term;
  }
  return prediction.totalOf(sum);
}
