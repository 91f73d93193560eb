/**
 * What a whole choice will cost, before it has been measured: the sum of what each of its edits costs alone. Errors of several
 * edits are neither independent nor additive, so this is an estimate, and the page and the terminal say so.
 */
import type { RunSet } from '../edit/edit.ts';
import { type AnalysisReport, outputErrorOf } from '../report/report.ts';

/** Null where one of them was not measured, or overflows. */
export function summedErrors(report: Pick<AnalysisReport, 'damage'>, edits: RunSet): number | null {
  let sum = 0;
  for (const edit of edits) {
    const error = outputErrorOf(report, edit) ?? null;
    if (error === null) return null;
    sum += error;
  }
  return sum;
}
