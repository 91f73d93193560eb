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
import type { WidthOffer } from './plan-rules.ts';
import { measuredRunOf, runShare } from './run-shares.ts';

export interface Prediction {
  /** "1 − surrogate CKA, added up" */
  readonly label: string;
  /** Whether totals are shares of the output's size, which people read in percent. */
  readonly isShare: boolean;
  /** Adds up over the edits of a plan; null where the report cannot say, and the edit is no candidate. */
  termOf(edit: RunEdit): number | null;
  /** Of an edit whose output error alone was measured elsewhere; null where terms are of another unit, or the error is not known in it. */
  termOfError(error: Pick<WidthOffer, 'outputError' | 'earlyError'>): number | null;
  /** What a sum of terms predicts. Rises with the sum. */
  totalOf(sum: number): number;
  /**
   * Of the total of these edits, with every edit at its lower or at its upper bound; null where one has none. `beside`: bounds of the
   * output errors of edits that were measured elsewhere.
   */
  boundsOf(edits: RunSet, beside?: readonly (Bounds | null)[]): Bounds | null;
}

/** The error of a narrower block that can be added to a score of runs; null where there is none. */
export function errorBeside(
  score: DamageScore,
  { outputError, earlyError = null }: Pick<WidthOffer, 'outputError' | 'earlyError'>,
): number | null {
  const { isShare, weightsEarly = false } = scoreNamed(score);
  if (!isShare) return null;
  return weightsEarly ? earlyError : outputError;
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
  const { label, isShare, needs, adds, weightsEarly = false } = scoreNamed(score);
  const inSquares = adds === 'in squares';
  const added = (error: number) => (inSquares ? error ** 2 : error);
  const totalOf = (sum: number) => totalOfAdded(score, Math.max(0, sum));
  const measuredRun = besideNarrow === null ? null : measuredRunOf(score);
  const shareOf = (by: RunReplacement) => (measuredRun === null ? 1 : runShare(measuredRun, by));
  const share = besideNarrow === null ? 1 : shareOf(besideNarrow);
  return {
    label: `${label}${share === 1 ? '' : ` × ${share}`}, ${inSquares ? 'squares added up' : 'added up'}`,
    isShare,
    termOf(edit) {
      const term = addedDamage(report, edit, score, settings);
      return term === null ? null : term * added(shareOf(edit.by));
    },
    termOfError(error) {
      const known = errorBeside(score, error);
      return known === null ? null : added(known);
    },
    totalOf,
    boundsOf(edits, beside = []) {
      // Bounds are of errors over all timesteps alike: a weighted one has none.
      if (needs === null || weightsEarly || edits.length + beside.length === 0) return null;
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
