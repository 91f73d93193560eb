/** Readers of plans and reports with their schemas: loaded when a file or a kept analysis is read, not with the page. */
export { assertPlanFits, parsePlan } from '@/lib/core/plan/index.ts';
export { parseReport } from '@/lib/core/report/index.ts';
