/** The best plan under a budget: exact over spans, choices within blocks and edits of the whole model. */
export { type PlannedEdits, Planner } from './best-plan.ts';
export { formatBlockList, parseBlockList } from './block-list.ts';
export {
  amountWords,
  BUDGET_DTYPES,
  BUDGET_KINDS,
  type Budget,
  type BudgetDtype,
  type BudgetKind,
  formatBudget,
  parseBudget,
  takesDtype,
} from './budget.ts';
export {
  type BestPlan,
  type BudgetPlanner,
  budgetPlanner,
  type PlanFront,
  type PlannerRequest,
  planScales,
} from './budget-planner.ts';
export type { Choice, Problem, Span, Whole } from './candidates.ts';
export {
  type ChoiceScaleRequest,
  type ChoiceScales,
  choiceKey,
  choiceScales,
  type PredictedChoice,
} from './choice-scales.ts';
export { type BudgetedModel, type CostScale, costScale, costScales } from './edit-costs.ts';
export { fitMeasured, type MeasuredPlan, measuredPlanOf } from './measured-plans.ts';
export { whyNotUnder } from './plan-problem.ts';
export { FREE_RULES, kindOf, PLANNED_KINDS, type PlannedKind, type PlanRules, type WidthOffer } from './plan-rules.ts';
export type { PlanPoint, PlanScales } from './plan-solver.ts';
export { type Prediction, predictedDamage, predictionOf } from './prediction.ts';
export { fitPrediction, type PredictedAndMeasured, type PredictionFit } from './prediction-fit.ts';
export { passedOverWords } from './runs-alone.ts';
export {
  assertPlannable,
  type MeasuredModulations,
  measuredRank,
  modulationOffers,
  type NoOffers,
  whyNoOffers,
  widthOffers,
} from './width-offers.ts';
