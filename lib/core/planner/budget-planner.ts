/**
 * The best plans of a model under budgets of one kind: what the terminal and the page ask. Joins costs, predicted damages
 * and rules to a problem, and gives plans back as edits.
 */
import { type DamageScore, type DetectionSettings, leastScore, type UsableScore } from '../detection/index.ts';
import { type RunReplacement, type RunSet, runsOf, type WidthEdit } from '../edit/index.ts';
import type { PlannedModel } from '../plan/index.ts';
import type { AnalysisReport, Bounds } from '../report/index.ts';
import { type PlannedEdits, Planner } from './best-plan.ts';
import type { Budget } from './budget.ts';
import { type BudgetedModel, type CostScale, costScale, savingFor, unmet } from './edit-costs.ts';
import { usedOffers } from './narrow-candidates.ts';
import { planProblem } from './plan-problem.ts';
import type { PlanRules } from './plan-rules.ts';
import { errorBeside, type Prediction, predictionOf } from './prediction.ts';

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

export interface PlanFront {
  /** By ascending cost. No other plan costs as little and is predicted to do as little damage. */
  readonly points: readonly PlanPoint[];
  /** All such plans are in it; otherwise the corners of its convex hull are, the widest gaps first. */
  readonly isWhole: boolean;
}

/** How costs and damages of plans are told. */
export interface PlanScales {
  readonly scale: CostScale;
  readonly prediction: Prediction;
}

export interface BudgetPlanner extends PlanScales {
  /** What the plan that costs least costs. */
  readonly least: number;
  /** Throws `plan-invalid` for a budget that cannot be met, and says what the least is that can. */
  assertWithin(budget: Budget): void;
  /** Throws what `assertWithin` throws. */
  best(budget: Budget): PlanPoint;
  front(points?: number): PlanFront;
}

export interface PlannerRequest {
  readonly model: BudgetedModel & PlannedModel;
  /** Of this very model. */
  readonly report: AnalysisReport;
  /** Where it was read from, if anywhere. */
  readonly file?: string | undefined;
  readonly detection: DetectionSettings;
  readonly budget: Pick<Budget, 'kind' | 'dtype'>;
  readonly rules: PlanRules;
  /** The score that *Minimise* goes by, unless given. */
  readonly prediction?: Prediction;
}

/** Points of a front that is too long to be shown whole. */
const FRONT_POINTS = 100;

/**
 * Output errors that those of narrower blocks add to. What a model draws follows the errors of early timesteps (docs/planner.md), so
 * that weighted ones come first; of each sort, the better predictor of what stands in for runs.
 */
const OUTPUT_ERRORS: Readonly<Record<RunReplacement, readonly DamageScore[]>> = {
  nothing: ['early', 'linear-early', 'removed', 'linear'],
  probes: ['linear-early', 'early', 'linear', 'removed'],
  linear: ['linear-early', 'early', 'linear', 'removed'],
  student: ['linear-early', 'early', 'linear', 'removed'],
};

/** The one that *Minimise* goes by; with narrower blocks on offer one that they add to, where the report measured it. */
function scoreFor({ report, model, detection, rules }: PlannerRequest): Pick<UsableScore, 'score'> {
  const usual = leastScore(report, model, detection);
  const offers = usedOffers(rules);
  const hasRuns = rules.allow.includes('run') || runsOf(rules.chosen).length > 0;
  if (hasRuns && offers.length === 0) return usual;
  const known = OUTPUT_ERRORS[rules.by].filter((score) => offers.every((offer) => errorBeside(score, offer) !== null));
  // Without runs nothing has to be known of them.
  if (!hasRuns) return { score: known[0] ?? 'linear' };
  const measured = known.map((score) => leastScore(report, model, detection, score));
  return measured.find(({ standsInFor }) => standsInFor === null) ?? usual;
}

/** Without solving anything. Throws what `costScale` throws. */
export function planScales(request: PlannerRequest): PlanScales {
  const { model, report, detection, budget, rules } = request;
  const besideNarrow = usedOffers(rules).length > 0 ? rules.by : null;
  return {
    scale: costScale(budget, model, report),
    prediction: request.prediction ?? predictionOf(report, detection, scoreFor(request), besideNarrow),
  };
}

/** Throws what `costScale`, `planProblem` and `Planner` throw. */
export function budgetPlanner(request: PlannerRequest): BudgetPlanner {
  const { model, report, file, rules } = request;
  const { scale, prediction } = planScales(request);
  const { problem, editsOf, widthOf, boundsOf } = planProblem(model, report, scale, prediction, rules, file);
  const planner = new Planner(problem);
  const pointOf = ({ ids, saves, damage }: PlannedEdits): PlanPoint => {
    const [edits, width] = [editsOf(ids), widthOf(ids)];
    return {
      edits,
      width,
      cost: scale.before - saves,
      damage: prediction.totalOf(damage),
      bounds: prediction.boundsOf(edits, boundsOf(ids)),
    };
  };
  const assertWithin = (budget: Budget) => {
    if (!planner.canSave(savingFor(budget, scale))) throw unmet(budget, scale, planner.most.saves);
  };
  return {
    scale,
    prediction,
    least: scale.before - planner.most.saves,
    assertWithin,
    best(budget) {
      assertWithin(budget);
      return pointOf(planner.best(savingFor(budget, scale)));
    },
    front(points = FRONT_POINTS) {
      const whole = planner.front(points);
      const plans = whole ?? planner.frontAt(points);
      return { points: plans.map(pointOf).toReversed(), isWhole: whole !== null };
    },
  };
}
