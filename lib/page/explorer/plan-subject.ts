/** What the page asks the planner for, and what it is answered. */

import { compareEdits, type EditSet } from '@/lib/core/edit/index.ts';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import { tokensOf } from '@/lib/core/plan/index.ts';
import {
  type BestPlan,
  type Budget,
  kindOf,
  type PlanFront,
  type PlannerRequest,
  type PlanPoint,
  type PlanScales,
  planScales,
  type WidthOffer,
} from '@/lib/core/planner/index.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import type { PlannerState } from './planner.ts';
import type { Settings } from './settings.ts';

/** What plans are made of. All but the budget's value, which is typed digit by digit. */
export interface PlanSubject {
  readonly model: ModelSummary;
  readonly report: AnalysisReport;
  readonly read: Pick<Settings, 'detection' | 'replaceBy'>;
  readonly asked: Asked;
}

export type Asked = Pick<PlannerState, 'kind' | 'dtype' | 'allow' | 'locked' | 'forbidden' | 'kept'> & {
  /** Of every kind; memoise it. */
  readonly offers: readonly WidthOffer[];
};

/** Plain data, as it comes from a worker. */
export interface PlanAnswer {
  readonly front: PlanFront;
  /** What the plan that costs least costs; null where the rules contradict each other, or the report cannot say. */
  readonly least: number | null;
  readonly budget: Budget | null;
  /** The best plan within the budget; null where there is none. */
  readonly best: BestPlan | null;
  /** What keeps the front or the best plan from being there, in a sentence for people. */
  readonly problem: string | null;
}

/** Runs and narrower blocks of a plan, as one set. */
export const editsOfPlan = ({ edits, width }: Pick<PlanPoint, 'edits' | 'width'>): EditSet =>
  [...edits, ...width].sort(compareEdits);

/** How costs and damages of such plans are told. Throws what `planScales` throws. */
export const scalesOf = (subject: PlanSubject): PlanScales => planScales(requestOf(subject));

export function requestOf({ model, report, read: { detection, replaceBy }, asked }: PlanSubject): PlannerRequest {
  const { allow, offers, locked, forbidden, kept } = asked;
  // A kind without figures says so beside its box; plans are made of the others.
  const offered = new Set(offers.map(({ edit }) => kindOf(edit)));
  const possible = allow.filter((one) => one === 'run' || offered.has(one));
  const rules = { by: replaceBy, allow: possible, offers, locked, forbidden, chosen: kept ?? [] };
  const tokensPerForward = tokensOf(model, report.calibration);
  return { model: { ...model, tokensPerForward }, report, detection, budget: asked, rules };
}
