/**
 * How much damage a plan is predicted to do, from what a report says of its edits alone. The planner adds terms up, so a
 * prediction is a term for each edit and what their sum means. The terminal and the page's chart take whatever stands here;
 * *Minimise* adds up the same terms.
 *
 * Each score says how it adds up (`Score.adds`): errors of the output do in squares, as edits err in directions that have
 * little in common.
 */
import {
  addedDamage,
  type DamageScore,
  type DetectionSettings,
  damageScore,
  leastScore,
  scoreNamed,
  totalOfAdded,
  type UsableScore,
} from '../detection/index.ts';
import type { RunEdit, RunReplacement, RunSet } from '../edit/index.ts';
import { type AnalysisReport, type Bounds, damageOf } from '../report/index.ts';
import { isMeasuredRun, runShare } from './run-shares.ts';

export interface Prediction {
  /** "1 − surrogate CKA, added up" */
  readonly label: string;
  /** Whether totals are shares of the output's size, which people read in percent. */
  readonly isShare: boolean;
  /** Adds up over the edits of a plan; null where the report cannot say, and the edit is no candidate. */
  termOf(edit: RunEdit): number | null;
  /** Of an edit whose output error alone was measured elsewhere; null where terms are of another unit. */
  termOfError(outputError: number): number | null;
  /** What a sum of terms predicts. Rises with the sum. */
  totalOf(sum: number): number;
  /**
   * Of the total of these edits, with every edit at its lower or at its upper bound; null where one has none. `beside`: bounds of the
   * output errors of edits that were measured elsewhere.
   */
  boundsOf(edits: RunSet, beside?: readonly (Bounds | null)[]): Bounds | null;
}

/** Whether a score is an output error over all timesteps alike, to which the errors of narrower blocks can be added. */
export function addsOutputErrors(score: DamageScore): boolean {
  const { isShare, weightsEarly = false } = scoreNamed(score);
  return isShare && !weightsEarly;
}

/**
 * The default: the score that *Minimise* goes by. `besideNarrow`: what stands in for runs in plans that hold narrower blocks too. Their
 * errors are of the edit itself, and so those of runs are put on the same scale: each is what its replacement leaves (`runShare`).
 */
export function predictionOf(
  report: AnalysisReport,
  settings: DetectionSettings,
  { score }: Pick<UsableScore, 'score'> = leastScore(report, report.model, settings),
  besideNarrow: RunReplacement | null = null,
): Prediction {
  const { label, isShare, needs, adds } = scoreNamed(score);
  const inSquares = adds === 'in squares';
  const added = (error: number) => (inSquares ? error ** 2 : error);
  const totalOf = (sum: number) => totalOfAdded(score, Math.max(0, sum));
  const shareOf = (by: RunReplacement) => (besideNarrow !== null && isMeasuredRun(score) ? runShare(score, by) : 1);
  const share = besideNarrow === null ? 1 : shareOf(besideNarrow);
  return {
    label: `${label}${share === 1 ? '' : ` × ${share}`}, ${inSquares ? 'squares added up' : 'added up'}`,
    isShare,
    termOf(edit) {
      const term = addedDamage(report, edit, score, settings);
      return term === null ? null : term * added(shareOf(edit.by));
    },
    termOfError: (outputError) => (addsOutputErrors(score) ? added(outputError) : null),
    totalOf,
    boundsOf(edits, beside = []) {
      if (needs === null || edits.length + beside.length === 0) return null;
      let [low, high] = [0, 0];
      const add = (bounds: Bounds, share = 1) => {
        low += added(share * bounds.low);
        high += added(share * bounds.high);
      };
      for (const bounds of beside) {
        if (!bounds) return null;
        add(bounds);
      }
      for (const edit of edits) {
        const measured = damageOf(report, { ...edit, by: needs });
        // Bounds are of the error over all timesteps: a weighted one has none.
        const isOfScore = measured?.outputError === damageScore(report, edit, score, settings);
        if (!measured?.bounds || !isOfScore) return null;
        add(measured.bounds, shareOf(edit.by));
      }
      return { low: totalOf(low), high: totalOf(high) };
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
