/**
 * What a whole plan will cost, from what was measured of its intervals alone: sums, superposed output differences, and
 * both with the weight of pairs fitted to measured plans. Pure.
 */
import { type BlockInterval, formatIntervalKey, formatIntervalKeys } from '../lib/core/interval/index.ts';
import type { ScoreValues } from './score-values.ts';
import { productOf, type Superposed } from './superposition.ts';
import type { PlanTruth } from './truths.ts';

type Plan = readonly BlockInterval[];

export interface PlanScore {
  readonly name: string;
  readonly about: string;
  /** Null for a plan of which it does not know every interval. */
  of(plan: Plan): number | null;
}

/** Of a plan's squared error: what its intervals cost alone, what pairs without a block between them add, and other pairs. */
export type PairTerms = readonly [own: number, neighbours: number, others: number];
type TermsOf = (plan: Plan) => PairTerms | null;

export function summed({ name, about, values }: ScoreValues): PlanScore {
  return {
    name,
    about: `${about}, summed`,
    of(plan) {
      let total = 0;
      for (const interval of plan) {
        const one = values.get(formatIntervalKey(interval));
        if (one === undefined) return null;
        total += one;
      }
      return total;
    },
  };
}

/** The length of Σ δ_i, over all noise levels and over the noisiest. */
export function superposed(one: Superposed): PlanScore[] {
  const { name, about } = one;
  return (['all', 'early'] as const).map((levels) => ({
    name: levels === 'all' ? name : `${name}, early`,
    about: levels === 'all' ? about : `${about}, three noisiest levels`,
    of(plan) {
      const terms = differenceTerms(one, levels)(plan);
      return terms && Math.sqrt(Math.max(0, terms[0] + terms[1] + terms[2]));
    },
  }));
}

/** As if all intervals erred in one direction: s_i · s_j for every pair. */
export function scoreTerms({ values }: ScoreValues): TermsOf {
  return pairTerms((a, b) => {
    const [x, y] = [values.get(formatIntervalKey(a)), values.get(formatIntervalKey(b))];
    return x === undefined || y === undefined ? null : x * y;
  });
}

export function differenceTerms({ gram }: Superposed, levels: 'all' | 'early' = 'all'): TermsOf {
  return pairTerms((a, b) => productOf(gram, gram[levels], a, b));
}

function pairTerms(product: (a: BlockInterval, b: BlockInterval) => number | null): TermsOf {
  return (plan) => {
    const terms: [number, number, number] = [0, 0, 0];
    for (const [i, a] of plan.entries()) {
      for (const [j, b] of plan.slice(0, i + 1).entries()) {
        const value = product(a, b);
        if (value === null) return null;
        if (i === j) terms[0] += value;
        else terms[b.last + 1 === a.first ? 1 : 2] += 2 * value;
      }
    }
    return terms;
  };
}

const FOLDS = 10;

/**
 * √(w · terms), w fitted to the relative squared errors of measured plans. Every measured plan is predicted by weights that
 * were fitted without its tenth; any other by all of them.
 */
export function fitted(name: string, about: string, termsOf: TermsOf, truths: readonly PlanTruth[]): PlanScore {
  const known = truths.flatMap(({ plan, outputError }, i) => {
    const terms = termsOf(plan);
    return terms === null ? [] : [{ plan, terms, squared: outputError ** 2, fold: i % FOLDS }];
  });
  const without = Array.from({ length: FOLDS }, (_, fold) => fittedWeights(known.filter((one) => one.fold !== fold)));
  const folds = new Map(known.map(({ plan, fold }) => [formatIntervalKeys(plan), fold]));
  const all = fittedWeights(known);
  return {
    name: `${name}, pairs fitted`,
    about: `${about}, the weight of neighbouring and of other pairs fitted to plans (predicted without their own tenth)`,
    of(plan) {
      const terms = termsOf(plan);
      const fold = folds.get(formatIntervalKeys(plan));
      const weights = fold === undefined ? all : without[fold];
      if (!terms || !weights) return null;
      return Math.sqrt(
        Math.max(
          0,
          terms.reduce((sum, term, i) => sum + term * weights[i]!, 0),
        ),
      );
    },
  };
}

/** Least squares of w · terms / e² = 1; null where the plans do not determine three weights. */
export function fittedWeights(plans: readonly { readonly terms: PairTerms; readonly squared: number }[]) {
  const [size, ridge] = [3, 1e-9];
  if (plans.length < 3 * size) return null;
  const rows = plans.map(({ terms, squared }) => terms.map((term) => term / squared));
  const system = Array.from({ length: size }, (_, i) => [
    ...Array.from({ length: size }, (__, j) => rows.reduce((sum, row) => sum + row[i]! * row[j]!, i === j ? ridge : 0)),
    rows.reduce((sum, row) => sum + row[i]!, 0),
  ]);
  // Gauss–Jordan: the matrix is positive definite by its ridge.
  for (let k = 0; k < size; k++) {
    for (let i = 0; i < size; i++) {
      if (i === k) continue;
      const factor = system[i]![k]! / system[k]![k]!;
      system[i] = system[i]!.map((value, j) => value - factor * system[k]![j]!);
    }
  }
  return system.map((row, i) => row[size]! / row[i]!);
}
