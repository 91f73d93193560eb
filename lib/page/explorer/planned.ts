/** The plans of the report on the page under the budget and the rules that the user has set. Derived; kept while nothing changes. */

import { compareEdits, type EditSet } from '@/lib/core/edit/index.ts';
import { ContiguaError } from '@/lib/core/errors.ts';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import { tokensOf } from '@/lib/core/plan/index.ts';
import {
  type Budget,
  type BudgetPlanner,
  budgetPlanner,
  kindOf,
  type PlanFront,
  type PlanPoint,
  parseBudget,
  type WidthOffer,
} from '@/lib/core/planner/index.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import type { PlannerState } from './planner.ts';
import type { Settings } from './settings.ts';

export interface Planned {
  /** Null where the rules contradict each other, or the report cannot say; `problem` says why. */
  readonly planner: BudgetPlanner | null;
  readonly front: PlanFront;
  readonly budget: Budget | null;
  /** The best plan within the budget; null where there is none. */
  readonly best: PlanPoint | null;
  /** What keeps the front or the best plan from being there, in a sentence for people. */
  readonly problem: string | null;
}

export type Asked = Pick<PlannerState, 'kind' | 'value' | 'dtype' | 'allow' | 'locked' | 'forbidden' | 'kept'> & {
  /** Of every kind; memoise it. */
  readonly offers: readonly WidthOffer[];
};
type Read = Pick<Settings, 'detection' | 'replaceBy'>;

/** Runs and narrower blocks of a plan, as one set. */
export const editsOfPlan = ({ edits, width }: Pick<PlanPoint, 'edits' | 'width'>): EditSet =>
  [...edits, ...width].sort(compareEdits);

const NOTHING: PlanFront = { points: [], isWhole: true };

export function plannedFor(model: ModelSummary, report: AnalysisReport, read: Read, asked: Asked): Planned {
  const { planner, front, problem } = frontOf(model, report, read, asked);
  if (!planner) return { planner, front, budget: null, best: null, problem };
  const { kind, value, dtype } = asked;
  try {
    const budget = parseBudget(`${kind}=${value.trim()}${dtype === null ? '' : `@${dtype}`}`, 'Budget');
    try {
      return { planner, front, budget, best: planner.best(budget), problem };
    } catch (thrown) {
      return { planner, front, budget, best: null, problem: wordsOf(thrown) };
    }
  } catch (thrown) {
    return { planner, front, budget: null, best: null, problem: wordsOf(thrown) };
  }
}

type Front = Pick<Planned, 'planner' | 'front' | 'problem'>;

/** A budget that is typed digit by digit asks the same planner again and again. */
let last: { readonly of: readonly unknown[]; readonly front: Front } | null = null;

function frontOf(model: ModelSummary, report: AnalysisReport, { detection, replaceBy }: Read, asked: Asked): Front {
  const { kind, dtype, allow, offers, locked, forbidden, kept } = asked;
  const of = [model, report, detection, replaceBy, kind, dtype, allow, offers, locked, forbidden, kept];
  if (last?.of.every((one, i) => one === of[i])) return last.front;
  const front = computed();
  last = { of, front };
  return front;

  function computed(): Front {
    try {
      // A kind without figures says so beside its box; plans are made of the others.
      const offered = new Set(offers.map(({ edit }) => kindOf(edit)));
      const possible = allow.filter((one) => one === 'run' || offered.has(one));
      if (possible.length === 0) return { planner: null, front: NOTHING, problem: nothingAllowed(allow) };
      const rules = { by: replaceBy, allow: possible, offers, locked, forbidden, chosen: kept ?? [] };
      const tokensPerForward = tokensOf(model, report.calibration);
      const planner = budgetPlanner({ model: { ...model, tokensPerForward }, report, detection, budget: asked, rules });
      return { planner, front: planner.front(), problem: null };
    } catch (thrown) {
      return { planner: null, front: NOTHING, problem: wordsOf(thrown) };
    }
  }
}

function nothingAllowed(allow: Asked['allow']): string {
  return allow.length === 0 ? 'Allow a kind of edit.' : 'No kind of edit that is allowed has been measured.';
}

function wordsOf(thrown: unknown): string {
  if (!(thrown instanceof ContiguaError)) throw thrown;
  const { code, summary, details } = thrown;
  // What the terminal measures with a command, the page does with a button beside the kinds.
  const { hint, ...rest } = details;
  return hint?.includes('`contigua ') ? new ContiguaError(code, summary, rest).message : thrown.message;
}
