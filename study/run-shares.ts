/**
 * How much of a run's measured output error is left by what stands in for it: what the planner multiplies a run's error by before it adds
 * the errors of narrower blocks. Closed forms as a report measures them, run by run; students as the arms of the study plug them in.
 */
import { type RunReplacement, runEdit } from '../lib/core/edit/index.ts';
import type { BlockInterval } from '../lib/core/interval/index.ts';
import { MEASURED_RUNS, type MeasuredRun, runShare } from '../lib/core/planner/run-shares.ts';
import { quantile } from '../lib/core/quantile.ts';
import { type AnalysisReport, outputErrorOf } from '../lib/core/report/index.ts';
import type { ArmRow } from './experiments.ts';
import { everyInterval } from './intervals.ts';
import { SETTINGS } from './settings.ts';
import { tableOf } from './tables.ts';
import { type PlanTruth, TRUTH_DISTIL } from './truths.ts';

const CLOSED_FORMS = ['nothing', 'probes', 'linear'] as const;

/** `rows`: students plugged in; others are left out. `brief`: plans of students of 200 steps. */
export function shareTable(rows: readonly ArmRow[], brief: readonly PlanTruth[], report: AnalysisReport): string {
  const runs = everyInterval(report.model.stacks);
  const plans = rows.filter(({ seed }) => seed !== null);
  const lines = MEASURED_RUNS.flatMap((measured) => {
    const known: RunReplacement = measured === 'removed' ? 'nothing' : measured;
    const closed = CLOSED_FORMS.filter((by) => by !== known).map((by) =>
      lineOf(
        measured,
        by,
        'runs of 2 to 5 blocks',
        runs.map((run) => shareOf(totalOf(report, [run], by), totalOf(report, [run], known))),
      ),
    );
    const students = plans.map(({ intervals, outputError }) =>
      shareOf(outputError, totalOf(report, intervalsOf(intervals), known)),
    );
    const briefly = brief.map(({ plan, outputError }) => shareOf(outputError, totalOf(report, plan, known)));
    return [
      ...closed,
      lineOf(measured, 'student', `plans of students of ${SETTINGS.distil.steps} steps`, students),
      lineOf(measured, 'student', `plans of students of ${TRUTH_DISTIL.steps} steps`, briefly),
    ];
  });
  return tableOf(
    ['measured', 'stands in', 'over', 'n', 'share, median', '10 to 90 %', 'the planner takes'],
    lines.flat(),
  );
}

function lineOf(
  measured: MeasuredRun,
  by: RunReplacement,
  over: string,
  shares: readonly (number | null)[],
): string[][] {
  const known = shares.filter((share) => share !== null).sort((a, b) => a - b);
  if (known.length === 0) return [];
  const at = (share: number) => quantile(known, share).toFixed(2);
  return [
    [measured, by, over, String(known.length), at(0.5), `${at(0.1)} to ${at(0.9)}`, String(runShare(measured, by))],
  ];
}

const shareOf = (own: number | null, measured: number | null) =>
  own === null || measured === null || measured === 0 ? null : own / measured;

/** Root of the sum of squares; null where one of the runs was not measured. */
function totalOf(report: AnalysisReport, runs: readonly BlockInterval[], by: RunReplacement): number | null {
  let total = 0;
  for (const run of runs) {
    const error = outputErrorOf(report, runEdit(run, by)) ?? null;
    if (error === null) return null;
    total += error ** 2;
  }
  return Math.sqrt(total);
}

/** "[[0,3],[4,7]]" */
function intervalsOf(text: string): BlockInterval[] {
  const pairs: [number, number][] = JSON.parse(text);
  return pairs.map(([first, last]) => ({ first, last }));
}
