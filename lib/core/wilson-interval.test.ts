import { expect, test } from 'vitest';
import { wilsonInterval } from './wilson-interval.ts';

test("agrees with scipy's binomtest(…).proportion_ci(0.95, 'wilson')", () => {
  for (const [held, total, low, high] of [
    [326, 328, 0.978043630863803, 0.9983262330809817],
    [8, 10, 0.4901624715366418, 0.9433178485456248],
    [0, 5, 0, 0.43448246478317476],
    [5, 5, 0.5655175352168251, 1],
  ] as const) {
    const found = wilsonInterval(held, total);
    expect(found.low).toBeCloseTo(low, 10);
    expect(found.high).toBeCloseTo(high, 10);
  }
});

test('knows nothing of nothing', () => {
  expect(wilsonInterval(0, 0)).toEqual({ low: 0, high: 1 });
});
