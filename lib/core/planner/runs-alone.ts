/**
 * Plans of runs alone, where narrower blocks beside students are an improvement by one prediction only. The planner's prediction takes the
 * same share of a run's error for every student, while measured shares range from 0.10 to 0.52: a plan can look better by runs whose
 * students leave more than that. A plan with narrower blocks therefore has to beat the best one of runs alone by a second prediction as
 * well, in which students follow `studentErrorAlone` (docs/planner.md, *Two predictions of students*).
 */
import { type DamageScore, type DetectionSettings, damageScore } from '../detection/index.ts';
import type { RunEdit, RunSet } from '../edit/index.ts';
import type { PlannedEdits } from './best-plan.ts';
import { type PlanPoint, type PlanScales, type SolverRequest, solverFor } from './plan-solver.ts';
import { measuredRunOf, studentErrorAlone } from './run-shares.ts';

/**
 * The plan of runs alone that takes a plan's place where at least `saving` is asked for; null where the plan stands. `runs` are those of
 * `planned`.
 */
export type HeldToRuns = (planned: PlannedEdits, runs: RunSet, saving: number) => PlanPoint | null;

/** Null for a score that the second prediction says nothing of. The prediction of `scales` goes by `score`, in squares. */
export function heldToRuns(
  request: SolverRequest & { readonly detection: DetectionSettings },
  scales: PlanScales,
  score: DamageScore,
): HeldToRuns | null {
  const { report, detection, rules } = request;
  const { prediction } = scales;
  const measuredRun = measuredRunOf(score);
  if (measuredRun === null) return null;
  const alone = solverFor({ ...request, rules: { ...rules, allow: ['run'] } }, scales);
  const secondTerm = (run: RunEdit): number => {
    const error = damageScore(report, run, score, detection) ?? 0;
    return studentErrorAlone(measuredRun, Math.max(0, error), run, report.model.numBlocks) ** 2;
  };
  /** The prediction's sum, with its terms of students replaced. */
  const secondSum = ({ damage }: PlannedEdits, runs: RunSet) =>
    runs.reduce(
      (sum, run) => (run.by === 'student' ? sum + secondTerm(run) - (prediction.termOf(run) ?? 0) : sum),
      damage,
    );
  return (planned, runs, saving) => {
    if (!alone.planner.canSave(saving)) return null;
    const other = alone.planner.best(saving);
    const isBetter =
      planned.damage >= other.damage || secondSum(planned, runs) <= secondSum(other, alone.runsOf(other));
    return isBetter ? null : { ...alone.pointOf(other), passedOver: prediction.totalOf(planned.damage) };
  };
}

/** Why narrower blocks are left out of a plan; `damage` is `passedOver` in words. */
export function passedOverWords(damage: string): string {
  return `Narrower blocks are left out: with them ${damage} is predicted, but more than for runs alone once the place and the length of each student's run count`;
}
