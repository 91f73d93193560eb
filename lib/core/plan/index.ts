/** Plans: what a choice of edits makes of every block and what it costs, as a file that can be kept and shared. */
export { blockMapOf } from './block-map.ts';
export {
  assertReportFits,
  buildPlan,
  formatPlan,
  type MeasuredFigures,
  narrowedPlan,
  type PlanChoice,
  type PlannedModel,
  pluggedPlan,
  runPlanOf,
  trainedPlan,
} from './build-plan.ts';
export {
  type CostedBlock,
  type CostedModel,
  type ImageRun,
  mapCost,
  type PlanCost,
  parameterCost,
  planCost,
  savedAtEnd,
  savedParameters,
} from './cost.ts';
export { tokensOf, tokensPerSample } from './forward-tokens.ts';
export { assertPlanFits, parsePlan, parseRunPlan } from './parse-plan.ts';
export type {
  BeforeAfter,
  BlockFate,
  BlockMapEntry,
  ChoiceFigures,
  CountedFacts,
  Plan,
  PlannedEdit,
  PlannedRun,
  PlannedWidthEdit,
  PlanSettings,
  RunPlan,
} from './plan.ts';
export { PLAN_SCHEMA_ID, PLAN_VERSION } from './plan.ts';
export { PRODUCT_VERSION } from './product-version.ts';
export { errorAtRank, rankFitErrors } from './rank-errors.ts';
