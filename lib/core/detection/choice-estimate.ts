/**
 * What a whole choice will cost, before it has been measured: the root of the sum of the squares of what each of its edits
 * costs alone, as errors in unrelated directions add up. For plans of trained students it is off by 10 and 6 % at the median on
 * the two sample models, the plain sum by 50 and 57 % (docs/damage-scores.md). The page and the terminal call it an estimate.
 */
import type { EditSet } from '../edit/edit.ts';
import { type AnalysisReport, outputErrorOf, widthDamageOf } from '../report/report.ts';

/** Null where one of them was not measured, or overflows. */
export function estimatedError(report: Pick<AnalysisReport, 'damage' | 'width'>, edits: EditSet): number | null {
  const errors: number[] = [];
  for (const edit of edits) {
    const error = (edit.on === 'run' ? outputErrorOf(report, edit) : widthDamageOf(report, edit)?.outputError) ?? null;
    if (error === null) return null;
    errors.push(error);
  }
  return Math.hypot(...errors);
}
