/**
 * What predicts the output error of a mixed plan from what its edits do alone: the planner's sum of squares, and simple models of what the
 * sum misses, each fitted to other plans than those that it is judged on. Pure.
 */
import { type Edit, editKey, spanOf } from '../lib/core/edit/index.ts';
import { modulationOffers } from '../lib/core/planner/index.ts';
import { fittedTo } from './log-fit.ts';
import type { MeasuredMix, Mixes } from './mixed-plans.ts';

/** Edits that a factor may tell apart. */
const GROUPS = ['run left out', 'run by a map', 'text group', 'image layers', 'text layers', 'modulation'] as const;

/** Of one plan. */
export interface Terms {
  /** Σ e² by group. */
  readonly own: readonly number[];
  /** Σ 2 e_i e_j of edits that share a block or lie in neighbouring ones, and of others. */
  readonly near: number;
  readonly far: number;
  /** Σ e */
  readonly sum: number;
}

export interface JudgedPlan extends MeasuredMix {
  readonly terms: Terms;
  /** On the held-out samples; positive. */
  readonly error: number;
}

/** Plans whose edits were all measured alone and whose output did not overflow. */
export function judgedPlans({ alone, modulationErrors, plans }: Mixes): JudgedPlan[] {
  const ranks = rankErrors(alone, modulationErrors);
  const errorOf = (edit: Edit) => (edit.on === 'modulation' ? ranks.get(editKey(edit)) : alone.get(editKey(edit)));
  return plans.flatMap((plan) => {
    const errors = plan.edits.map(errorOf);
    if (!plan.heldOut || errors.some((error) => error === undefined)) return [];
    return [{ ...plan, error: plan.heldOut, terms: termsOf(plan.edits, errors.map(Number)) }];
  });
}

/** As the planner takes them: measured at rank 4, in proportion to the error of the modulations at others. */
function rankErrors(alone: Mixes['alone'], errors: readonly number[]): ReadonlyMap<string, number> {
  const rank = 4;
  const outputError = alone.get(`modulation rank ${rank}`);
  if (outputError === undefined) return new Map();
  const offers = modulationOffers({ width: errors.length, errors, rank, outputError, bounds: null });
  return new Map(offers.map(({ edit, outputError: error }) => [editKey(edit), error ?? 0]));
}

export function termsOf(edits: readonly Edit[], errors: readonly number[]): Terms {
  const own = GROUPS.map(() => 0);
  let [near, far] = [0, 0];
  for (const [i, edit] of edits.entries()) {
    own[groupOf(edit)]! += errors[i]! ** 2;
    for (const [j, other] of edits.slice(0, i).entries()) {
      const product = 2 * errors[i]! * errors[j]!;
      if (isNear(edit, other)) near += product;
      else far += product;
    }
  }
  return { own, near, far, sum: errors.reduce((sum, one) => sum + one, 0) };
}

function groupOf(edit: Edit): number {
  if (edit.on === 'run') return edit.by === 'nothing' ? 0 : 1;
  if (edit.on === 'text-stream') return 2;
  if (edit.on === 'ffn') return edit.stream === 'image' ? 3 : 4;
  return 5;
}

/** Shared modulations are near everything, and tell nothing apart: they count as far. */
function isNear(a: Edit, b: Edit): boolean {
  if (a.on === 'modulation' || b.on === 'modulation') return false;
  const [x, y] = [spanOf(a), spanOf(b)];
  return x.first <= y.last + 1 && y.first <= x.last + 1;
}

export interface PredictionModel {
  readonly name: string;
  readonly about: string;
  /** Of each plan, in their order; by a fit to the others' folds where something is fitted. */
  predict(plans: readonly JudgedPlan[]): number[];
}

const squares = ({ own }: Terms) => own.reduce((sum, one) => sum + one, 0);

export const MODELS: readonly PredictionModel[] = [
  {
    name: 'squares',
    about: 'root of the sum of squares: what the planner adds up',
    predict: (plans) => plans.map(({ terms }) => Math.sqrt(squares(terms))),
  },
  { name: 'sum', about: 'plain sum', predict: (plans) => plans.map(({ terms }) => terms.sum) },
  held(
    'power law',
    'squares to a fitted power, times a factor',
    [0, 0],
    (t, [a = 0, b = 0]) => Math.exp(a) * squares(t) ** (Math.exp(b) / 2),
  ),
  held(
    'pairs',
    'squares, and products of edits that share or neighbour a block, and of others',
    [-3, -3],
    (t, [n = 0, f = 0]) => Math.sqrt(squares(t) + Math.exp(n) * t.near + Math.exp(f) * t.far),
  ),
  held(
    'kinds',
    'squares with a factor for each kind of edit',
    GROUPS.map(() => 0),
    (t, weights) => Math.sqrt(t.own.reduce((sum, one, i) => sum + Math.exp(weights[i]!) * one, 0)),
  ),
  held('kinds and pairs', 'both', [...GROUPS.map(() => 0), -3, -3], (t, weights) =>
    Math.sqrt(
      t.own.reduce((sum, one, i) => sum + Math.exp(weights[i]!) * one, 0) +
        Math.exp(weights.at(-2)!) * t.near +
        Math.exp(weights.at(-1)!) * t.far,
    ),
  ),
];

const FOLDS = 10;

function held(
  name: string,
  about: string,
  start: readonly number[],
  of: (terms: Terms, weights: readonly number[]) => number,
): PredictionModel {
  return {
    name,
    about: `${about} (fitted; each plan by the other nine tenths)`,
    predict(plans) {
      const fits = Array.from({ length: FOLDS }, (_, fold) =>
        fittedTo(
          plans.filter((__, i) => i % FOLDS !== fold),
          start,
          ({ terms }, weights) => of(terms, weights),
        ),
      );
      return plans.map(({ terms }, i) => of(terms, fits[i % FOLDS]!));
    },
  };
}
