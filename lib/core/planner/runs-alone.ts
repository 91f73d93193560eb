/**
 * Plans of runs alone, in place of plans with narrower blocks that are an improvement by one prediction only. The planner's prediction takes
 * the same share of a run's error for every student, while measured shares range from 0.10 to 0.52: a plan can look better by runs whose
 * students leave more than that. A plan with narrower blocks therefore stands only where it beats the best one of runs alone that saves as
 * much by a second prediction as well, in which students follow `studentErrorAlone` (docs/planner.md, *Two predictions of students*).
 *
 * *Runs alone* are runs and whatever else the user has chosen.
 */
import { type DamageScore, type DetectionSettings, damageScore } from '../detection/index.ts';
import { editKey, type RunEdit, type RunSet } from '../edit/index.ts';
import { formatIntervalKey } from '../interval/index.ts';
import type { PlannedEdits } from './best-plan.ts';
import { type PlanPoint, type PlanScales, type PlanSolver, type SolverRequest, solverFor } from './plan-solver.ts';
import { measuredRunOf, studentErrorAlone } from './run-shares.ts';

export interface RunsAlone {
  /** Of the same runs as the planner of all kinds. */
  readonly solver: PlanSolver;
  /** Whether a plan of all kinds beats those that save as much by both predictions, or has no narrower blocks but chosen ones. */
  stands(planned: PlannedEdits, edits: Pick<PlanPoint, 'edits' | 'width'>): boolean;
}

/**
 * Null where no run can be planned, and for a score that the second prediction says nothing of. The prediction of `scales` goes by `score`,
 * in squares.
 */
export function runsAlone(
  request: SolverRequest & { readonly detection: DetectionSettings },
  scales: PlanScales,
  score: DamageScore,
): RunsAlone | null {
  const { report, detection, rules } = request;
  const { prediction } = scales;
  const measuredRun = measuredRunOf(score);
  if (measuredRun === null) return null;
  const solver = solverFor({ ...request, rules: { ...rules, allow: ['run'] } }, scales);
  const chosen = new Set(rules.chosen.map(editKey));
  /** What the second prediction adds to the first one's term. */
  const changeOf = (run: RunEdit): number => {
    const [error, term] = [damageScore(report, run, score, detection), prediction.termOf(run)];
    if (error === null || term === null) throw new RangeError(`${formatIntervalKey(run)} was planned without a term`);
    return studentErrorAlone(measuredRun, Math.max(0, error), run, report.model.numBlocks) ** 2 - term;
  };
  const second = ({ damage }: PlannedEdits, runs: RunSet) =>
    runs.reduce((sum, run) => (run.by === 'student' ? sum + changeOf(run) : sum), damage);
  return {
    solver,
    stands(planned, { edits, width }) {
      const isNarrower = width.some((edit) => !chosen.has(editKey(edit)));
      if (!isNarrower || !solver.planner.canSave(planned.saves)) return true;
      const other = solver.planner.best(planned.saves);
      return second(planned, edits) <= second(other, solver.pointOf(other).edits);
    },
  };
}

/** Why a plan is not the one of least predicted damage; `damage` is `passedOver` in words. */
export function passedOverWords(damage: string): string {
  return `A plan with narrower blocks, for which ${damage} is predicted, gives way. A second prediction, which goes by the place and the length of each student’s run, ranks it behind runs alone`;
}
