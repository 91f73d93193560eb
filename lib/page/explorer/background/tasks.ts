/**
 * Work on reports that would hold up the page's own thread for longer than a frame: 100 ms for the check of a report's file,
 * several hundred for the plans of sixty blocks with every kind of edit. It runs in a worker of its own, because the calls of the
 * compute worker wait for each other and an analysis takes minutes. The worker's side.
 */
import { type AnalysisReport, parseReport } from '@/lib/core/report/index.ts';
import type { PlanAnswer, PlanSubject } from '../plan-subject.ts';
import { planWithin, type Solved, solve } from '../planned.ts';

export interface BackgroundTasks {
  /** Throws what `parseReport` throws. */
  readReport(input: { readonly text: string; readonly file: string }): AnalysisReport;
  /** `subject` is null for that of the last call: a report of a large model takes megabytes. */
  plan(input: { readonly subject: PlanSubject | null; readonly value: string }): PlanAnswer;
}

export function createBackgroundTasks(): BackgroundTasks {
  let solved: Solved | null = null;
  return {
    readReport: ({ text, file }) => parseReport(text, file),
    plan({ subject, value }) {
      if (subject) solved = solve(subject);
      if (!solved) throw new RangeError('There is no earlier subject to plan');
      return planWithin(solved, value);
    },
  };
}
