/** A planner of a model's edits under rules, which gives plans back as edits. */
import type { RunSet, WidthEdit } from '../edit/index.ts';
import type { PlannedModel } from '../plan/index.ts';
import type { AnalysisReport, Bounds } from '../report/index.ts';
import { type PlannedEdits, Planner } from './best-plan.ts';
import type { BudgetedModel, CostScale } from './edit-costs.ts';
import { planProblem } from './plan-problem.ts';
import type { PlanRules } from './plan-rules.ts';
import type { Prediction } from './prediction.ts';

export interface PlanPoint {
  /** Runs of blocks. */
  readonly edits: RunSet;
  /** What makes blocks narrower besides. */
  readonly width: readonly WidthEdit[];
  /** In the budget's unit. */
  readonly cost: number;
  /** What the prediction says of all edits together. */
  readonly damage: number;
  readonly bounds: Bounds | null;
}

/** How costs and damages of plans are told. */
export interface PlanScales {
  readonly scale: CostScale;
  readonly prediction: Prediction;
}

export interface SolverRequest {
  readonly model: BudgetedModel & PlannedModel;
  /** Of this very model. */
  readonly report: AnalysisReport;
  /** Where it was read from, if anywhere. */
  readonly file?: string | undefined;
  readonly rules: PlanRules;
}

export interface PlanSolver {
  readonly planner: Planner;
  pointOf(planned: PlannedEdits): PlanPoint;
  /** Whether a plan may hold a run. */
  readonly hasRuns: boolean;
}

/** Throws what `planProblem` and `Planner` throw. */
export function solverFor(
  { model, report, file, rules }: SolverRequest,
  { scale, prediction }: PlanScales,
): PlanSolver {
  const { problem, hasRuns, editsOf, widthOf, boundsOf } = planProblem(model, report, scale, prediction, rules, file);
  return {
    planner: new Planner(problem),
    hasRuns,
    pointOf({ ids, saves, damage }) {
      const [edits, width] = [editsOf(ids), widthOf(ids)];
      return {
        ...{ edits, width, cost: scale.before - saves, damage: prediction.totalOf(damage) },
        bounds: prediction.boundsOf(edits, boundsOf(ids)),
      };
    },
  };
}

/** By ascending cost and descending damage, without those that a plan which costs no more is predicted to equal or to beat. */
export function undominated(points: readonly PlanPoint[]): PlanPoint[] {
  let least = Number.POSITIVE_INFINITY;
  return points
    .toSorted((a, b) => a.cost - b.cost || a.damage - b.damage)
    .filter(({ damage }) => {
      const isBetter = damage < least;
      if (isBetter) least = damage;
      return isBetter;
    });
}
