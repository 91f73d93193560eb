import { expect, test } from 'vitest';
import { midRanks, rankCorrelation } from './rank-correlation.ts';

test('equal values share the mean of their ranks', () => {
  expect(midRanks([0.3, 0.1, 0.3, 0.2, 0.3])).toEqual([4, 1, 4, 2, 4]);
  expect(midRanks([])).toEqual([]);
});

test('agrees with scipy.stats.spearmanr, ties included', () => {
  // spearmanr([1, 2, 2, 3, 5, 4, 7], [10, 30, 20, 20, 50, 60, 60]).statistic
  const found = rankCorrelation([1, 2, 2, 3, 5, 4, 7], [10, 30, 20, 20, 50, 60, 60]);
  expect(found!.rho).toBeCloseTo(0.8532469179729296, 12);
  expect(found!.n).toBe(7);
});

test('is 1 for any rising relation and −1 for any falling one, with bounds that say so', () => {
  const x = Array.from({ length: 20 }, (_, i) => i);
  const rising = rankCorrelation(
    x,
    x.map((v) => Math.exp(v)),
  )!;
  expect(rising).toEqual({ rho: 1, n: 20, bounds: { low: 1, high: 1 } });
  expect(
    rankCorrelation(
      x,
      x.map((v) => -(v ** 3)),
    )!.rho,
  ).toBe(-1);
});

test('leaves out pairs that were not measured, and says how many are left', () => {
  expect(rankCorrelation([1, null, 2, 3, 4, 9], [1, 5, 2, 3, 4, null])).toMatchObject({ rho: 1, n: 4 });
});

test('gives nothing for too few pairs, and for a side without differences', () => {
  expect(rankCorrelation([1, 2, 3], [1, 2, 3])).toBeNull();
  expect(rankCorrelation([1, 2, 3, 4], [7, 7, 7, 7])).toBeNull();
});

test('bounds contain the value, are wide for few pairs and narrow for many, and are the same for the same seed', () => {
  const noisy = (n: number) => Array.from({ length: n }, (_, i) => [i, i + ((i * 7919) % 13) * (n / 20)] as const);
  const of = (n: number) => {
    const pairs = noisy(n);
    return rankCorrelation(
      pairs.map(([x]) => x),
      pairs.map(([, y]) => y),
    )!;
  };
  const [few, many] = [of(10), of(200)];
  for (const { rho, bounds } of [few, many]) {
    expect(bounds!.low).toBeLessThanOrEqual(rho);
    expect(bounds!.high).toBeGreaterThanOrEqual(rho);
  }
  expect(few.bounds!.high - few.bounds!.low).toBeGreaterThan(2 * (many.bounds!.high - many.bounds!.low));
  expect(of(10)).toEqual(few);
});
