import { describe, expect, it } from 'vitest';
import { seededRandom } from '../random.ts';
import { fitPrediction } from './prediction-fit.ts';

describe('fitPrediction', () => {
  it('finds the power law behind measured plans, and how well they are ordered', () => {
    const random = seededRandom(7);
    const pairs = Array.from({ length: 40 }, (_, i) => {
      const predicted = 0.001 * 1.2 ** i;
      return { predicted, measured: 2 * predicted ** 0.5 * Math.exp(0.1 * (random.uniform() - 0.5)) };
    });
    const { correlation, correct, factor } = fitPrediction(pairs);
    expect(correlation?.rho).toBeGreaterThan(0.99);
    expect(correct?.(0.04)).toBeCloseTo(0.4, 1);
    expect(correct?.(0)).toBe(0);
    expect(factor).toBeGreaterThan(1);
    expect(factor).toBeLessThan(1.06);
  });

  it('says nothing of too few plans, and corrects nothing where more damage meant less error', () => {
    const few = [1, 2, 3].map((predicted) => ({ predicted, measured: predicted }));
    expect(fitPrediction(few)).toEqual({ correlation: null, correct: null, factor: null });
    const turned = [1, 2, 3, 4, 5].map((predicted) => ({ predicted, measured: 1 / predicted }));
    const fit = fitPrediction(turned);
    expect(fit.correlation?.rho).toBe(-1);
    expect(fit.correct).toBeNull();
    expect(fitPrediction([1, 2, 3, 4].map((measured) => ({ predicted: 1, measured }))).correct).toBeNull();
  });
});
