/**
 * Spearman's rank correlation, which asks of a score only that it puts intervals in the right order. Equal values share the
 * mean of their ranks, and the coefficient is Pearson's over the ranks: the formula from squared rank differences is wrong
 * where there are ties. Its interval is a percentile bootstrap over the pairs.
 */
import { percentileInterval } from '../quantile.ts';
import { seededRandom } from '../random.ts';

export interface RankCorrelation {
  /** −1 … 1 */
  readonly rho: number;
  /** Pairs that both have a value. */
  readonly n: number;
  /** 95 % of the resamples lie between; null where too few of them have two different values on both sides. */
  readonly bounds: { readonly low: number; readonly high: number } | null;
}

/** Fewer pairs say nothing: three can be in the right order by chance once in six. */
export const LEAST_PAIRS = 4;
const RESAMPLES = 1000;

/** Pairs where one side is null take no part. Null below `LEAST_PAIRS`, and where one side is constant. */
export function rankCorrelation(
  a: readonly (number | null)[],
  b: readonly (number | null)[],
  { resamples = RESAMPLES, seed = 1 }: { readonly resamples?: number; readonly seed?: number } = {},
): RankCorrelation | null {
  const pairs = a.flatMap((x, i) => {
    const y = b[i] ?? null;
    return x === null || y === null ? [] : [[x, y] as const];
  });
  const n = pairs.length;
  if (n < LEAST_PAIRS) return null;
  const rho = spearman(pairs);
  if (rho === null) return null;
  const random = seededRandom(seed);
  const found: number[] = [];
  for (let i = 0; i < resamples; i++) {
    const drawn = spearman(pairs.map(() => pairs[random.integer(n)]!));
    if (drawn !== null) found.push(drawn);
  }
  // A resample of equal values has no correlation; where that is common, the others say little.
  const bounds = found.length < resamples / 2 ? null : percentileInterval(found);
  return { rho, n, bounds };
}

/**
 * The mean of ρ over groups of pairs, and its bootstrap, which draws anew within each group. Groups below `LEAST_PAIRS`, or
 * constant on one side, take no part; null where none is left.
 */
export function meanRankCorrelation(
  groups: readonly (readonly (readonly [number, number])[])[],
  { resamples = RESAMPLES, seed = 1 }: { readonly resamples?: number; readonly seed?: number } = {},
): RankCorrelation | null {
  const taken = groups.flatMap((pairs) => {
    const rho = pairs.length < LEAST_PAIRS ? null : spearman(pairs);
    return rho === null ? [] : [{ pairs, rho }];
  });
  if (taken.length === 0) return null;
  const random = seededRandom(seed);
  const found: number[] = [];
  for (let i = 0; i < resamples; i++) {
    const drawn = taken.flatMap(({ pairs }) => spearman(pairs.map(() => pairs[random.integer(pairs.length)]!)) ?? []);
    if (drawn.length === taken.length) found.push(mean(drawn));
  }
  const bounds = found.length < resamples / 2 ? null : percentileInterval(found);
  return { rho: mean(taken.map(({ rho }) => rho)), n: taken.reduce((sum, { pairs }) => sum + pairs.length, 0), bounds };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function spearman(pairs: readonly (readonly [number, number])[]): number | null {
  return pearson(midRanks(pairs.map(([x]) => x)), midRanks(pairs.map(([, y]) => y)));
}

/** 1 for the least; equal values share the mean of their ranks. */
export function midRanks(values: readonly number[]): number[] {
  const order = values.map((value, place) => ({ value, place })).sort((a, b) => a.value - b.value);
  const ranks = new Array<number>(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && order[to]!.value === order[from]!.value) to++;
    for (const { place } of order.slice(from, to)) ranks[place] = (from + 1 + to) / 2;
    from = to;
  }
  return ranks;
}

/** Null where one side is constant. */
function pearson(a: readonly number[], b: readonly number[]): number | null {
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (const [i, x] of a.entries()) {
    const [da, db] = [x - ma, b[i]! - mb];
    ab += da * db;
    aa += da * da;
    bb += db * db;
  }
  return aa === 0 || bb === 0 ? null : Math.max(-1, Math.min(1, ab / Math.sqrt(aa * bb)));
}
