/** The plans of a report under the budget and the rules that the user has set: what the background worker solves. */

import { ContiguaError } from '@/lib/core/errors.ts';
import {
  type Budget,
  type BudgetPlanner,
  budgetPlanner,
  type PlanFront,
  parseBudget,
} from '@/lib/core/planner/index.ts';
import { type PlanAnswer, type PlanSubject, requestOf } from './plan-subject.ts';

const NOTHING: PlanFront = { points: [], isWhole: true, leavesOut: false };

/** What is solved once for all budgets of one kind. */
export interface Solved {
  readonly asked: PlanSubject['asked'];
  readonly planner: BudgetPlanner | null;
  readonly front: PlanFront;
  readonly problem: string | null;
}

export function solve(subject: PlanSubject): Solved {
  const { asked } = subject;
  try {
    const request = requestOf(subject);
    if (request.rules.allow.length === 0) {
      return { asked, planner: null, front: NOTHING, problem: nothingAllowed(asked.allow) };
    }
    const planner = budgetPlanner(request);
    return { asked, planner, front: planner.front(), problem: null };
  } catch (thrown) {
    return { asked, planner: null, front: NOTHING, problem: wordsOf(thrown) };
  }
}

/** `value` is what was typed: "12B", "60%". */
export function planWithin({ asked: { kind, dtype }, planner, front, problem }: Solved, value: string): PlanAnswer {
  const without = { front, least: planner?.least ?? null, budget: null, best: null };
  if (!planner) return { ...without, problem };
  let budget: Budget | null = null;
  try {
    budget = parseBudget(`${kind}=${value.trim()}${dtype === null ? '' : `@${dtype}`}`, 'Budget');
    return { ...without, budget, best: planner.best(budget), problem };
  } catch (thrown) {
    return { ...without, budget, problem: wordsOf(thrown) };
  }
}

function nothingAllowed(allow: PlanSubject['asked']['allow']): string {
  return allow.length === 0 ? 'Allow a kind of edit.' : 'No kind of edit that is allowed has been measured.';
}

function wordsOf(thrown: unknown): string {
  if (!(thrown instanceof ContiguaError)) throw thrown;
  const { code, summary, details } = thrown;
  // What the terminal measures with a command, the page does with a button beside the kinds.
  const { hint, ...rest } = details;
  return hint?.includes('`contigua ') ? new ContiguaError(code, summary, rest).message : thrown.message;
}
