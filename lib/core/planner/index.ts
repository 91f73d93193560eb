/** The best plan under a budget: exact over spans, choices within blocks and edits of the whole model. */
export { type PlannedEdits, Planner } from './best-plan.ts';
export type { Choice, Problem, Span, Whole } from './candidates.ts';
