/** The best plans of a model under budgets of one kind: what the terminal and the page ask. */
import { type DamageScore, type DetectionSettings, leastScore, type UsableScore } from '../detection/index.ts';
import { type RunReplacement, runsOf } from '../edit/index.ts';
import type { Budget } from './budget.ts';
import { costScale, savingFor, unmet } from './edit-costs.ts';
import { usedOffers } from './narrow-candidates.ts';
import {
  type PlanPoint,
  type PlanScales,
  type PlanSolver,
  type SolverRequest,
  solverFor,
  undominated,
} from './plan-solver.ts';
import { errorBeside, type Prediction, predictionOf } from './prediction.ts';
import { ROUNDING } from './relaxation.ts';
import { type RunsAlone, runsAlone } from './runs-alone.ts';

export interface PlanFront {
  /**
   * By ascending cost. No other plan costs as little and is predicted to do as little damage, but for those that give way to runs alone
   * (`runsAlone`).
   */
  readonly points: readonly PlanPoint[];
  /** All such plans are in it; otherwise the corners of its convex hull are, the widest gaps first. */
  readonly isWhole: boolean;
  /** Whether a plan with narrower blocks has given way. */
  readonly leavesOut: boolean;
}

export interface BestPlan extends PlanPoint {
  /** What a plan that gave way to this one is predicted to do; null where none has. */
  readonly passedOver: number | null;
}

export interface BudgetPlanner extends PlanScales {
  /** What the plan that costs least costs. */
  readonly least: number;
  /** Throws `plan-invalid` for a budget that cannot be met, and says what the least is that can. */
  assertWithin(budget: Budget): void;
  /**
   * Throws what `assertWithin` throws. Where the plan of least damage gives way: the best one of runs alone, or of those on the front that
   * stand.
   */
  best(budget: Budget): BestPlan;
  /** Of at most so many points of each kind of plan. */
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
  const all = solverFor(request, scales);
  const alone = aloneBeside(request, scales, all);
  const fronts = new Map<number, PlanFront>();
  const front = (most = FRONT_POINTS) => {
    const known = fronts.get(most) ?? frontOf(all, alone, most);
    fronts.set(most, known);
    return known;
  };
  const assertWithin = (budget: Budget) => {
    if (!all.planner.canSave(savingFor(budget, scale))) throw unmet(budget, scale, all.planner.most.saves);
  };
  return {
    ...scales,
    least: scale.before - all.planner.most.saves,
    assertWithin,
    best(budget) {
      assertWithin(budget);
      const saving = savingFor(budget, scale);
      const planned = all.planner.best(saving);
      const found = all.pointOf(planned);
      if (!alone || alone.stands(planned, found)) return { ...found, passedOver: null };
      const limit = scale.before - saving + ROUNDING * scale.before;
      const others = front().points.filter(({ cost }) => cost <= limit);
      const runs = alone.solver.pointOf(alone.solver.planner.best(Math.min(saving, planned.saves)));
      const best = others.reduce((least, one) => (one.damage < least.damage ? one : least), runs);
      return { ...best, passedOver: found.damage };
    },
    front,
  };
}

/** With `alone`, of plans of all kinds that stand, and of those of runs alone. */
function frontOf({ planner, pointOf }: PlanSolver, alone: RunsAlone | null, most: number): PlanFront {
  const whole = planner.front(most);
  const isWhole = whole !== null;
  const plans = (whole ?? planner.frontAt(most)).map((planned) => ({ planned, point: pointOf(planned) }));
  const standing = plans
    .filter(({ planned, point }) => alone?.stands(planned, point) ?? true)
    .map(({ point }) => point);
  if (!alone || standing.length === plans.length) return { points: standing.toReversed(), isWhole, leavesOut: false };
  const runs = frontOf(alone.solver, null, most);
  return { points: undominated([...standing, ...runs.points]), isWhole: isWhole && runs.isWhole, leavesOut: true };
}

/** Null where no plan has both students and narrower blocks that were not chosen, and for a prediction that was given. */
function aloneBeside(request: PlannerRequest, scales: PlanScales, { hasRuns }: PlanSolver): RunsAlone | null {
  const { rules, prediction } = request;
  const hasBoth = hasRuns && rules.allow.includes('run') && rules.allow.some((kind) => kind !== 'run');
  if (rules.by !== 'student' || !hasBoth || prediction !== undefined) return null;
  return runsAlone(request, scales, scoreFor(request).score);
}
