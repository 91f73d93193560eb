/**
 * The best plans of a model under budgets of one kind: what the terminal and the page ask. Joins costs, predicted damages
 * and rules to a problem, and gives plans back as edits.
 */
import { type DamageScore, type DetectionSettings, leastScore, type UsableScore } from '../detection/index.ts';
import { type RunReplacement, runsOf } from '../edit/index.ts';
import type { PlannedEdits } from './best-plan.ts';
import type { Budget } from './budget.ts';
import { costScale, savingFor, unmet } from './edit-costs.ts';
import { usedOffers } from './narrow-candidates.ts';
import { type PlanPoint, type PlanScales, type SolverRequest, solverFor, undominated } from './plan-solver.ts';
import { errorBeside, type Prediction, predictionOf } from './prediction.ts';
import { type HeldToRuns, heldToRuns } from './runs-alone.ts';

export interface PlanFront {
  /**
   * By ascending cost. No other plan costs as little and is predicted to do as little damage, but for those that give way to runs alone
   * (`heldToRuns`).
   */
  readonly points: readonly PlanPoint[];
  /** All such plans are in it; otherwise the corners of its convex hull are, the widest gaps first. */
  readonly isWhole: boolean;
}

export interface BudgetPlanner extends PlanScales {
  /** What the plan that costs least costs. */
  readonly least: number;
  /** Throws `plan-invalid` for a budget that cannot be met, and says what the least is that can. */
  assertWithin(budget: Budget): void;
  /** Throws what `assertWithin` throws. */
  best(budget: Budget): PlanPoint;
  /** Of at most so many points. */
  front(most?: number): PlanFront;
}

export interface PlannerRequest extends SolverRequest {
  readonly detection: DetectionSettings;
  readonly budget: Pick<Budget, 'kind' | 'dtype'>;
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
  const scales = planScales(request);
  const { scale } = scales;
  const solver = solverFor(request, scales);
  const { planner } = solver;
  const held = heldOf(request, scales);
  const shownOf = (planned: PlannedEdits, saving: number) =>
    held?.(planned, solver.runsOf(planned), saving) ?? solver.pointOf(planned);
  const assertWithin = (budget: Budget) => {
    if (!planner.canSave(savingFor(budget, scale))) throw unmet(budget, scale, planner.most.saves);
  };
  return {
    ...scales,
    least: scale.before - planner.most.saves,
    assertWithin,
    best(budget) {
      assertWithin(budget);
      const saving = savingFor(budget, scale);
      return shownOf(planner.best(saving), saving);
    },
    front(most = FRONT_POINTS) {
      const whole = planner.front(most);
      const plans = whole ?? planner.frontAt(most);
      const points = plans.map((planned) => shownOf(planned, planned.saves));
      return { points: undominated(points), isWhole: whole !== null };
    },
  };
}

/** Null where no plan has both students and narrower blocks, and for a prediction that was given. */
function heldOf(request: PlannerRequest, scales: PlanScales): HeldToRuns | null {
  const { rules, prediction } = request;
  const hasBoth = rules.by === 'student' && rules.allow.includes('run') && usedOffers(rules).length > 0;
  return hasBoth && prediction === undefined ? heldToRuns(request, scales, scoreFor(request).score) : null;
}
