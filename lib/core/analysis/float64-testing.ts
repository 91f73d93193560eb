/** What every float64 algebra must do: the core's own and those that engines bring. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../random.ts';
import type { Float64Algebra } from './float64-algebra.ts';
import { Pace } from './pace.ts';

const pace = new Pace();

function normals(length: number, seed: number): Float64Array {
  const random = seededRandom(seed);
  return Float64Array.from({ length }, () => random.normal());
}

/** A·Bᵀ by definition. */
function product(a: ArrayLike<number>, b: ArrayLike<number>, n: number, m: number, d: number): Float64Array {
  return Float64Array.from({ length: n * m }, (_, at) => {
    let sum = 0;
    for (let p = 0; p < d; p++) sum += a[Math.floor(at / m) * d + p]! * b[(at % m) * d + p]!;
    return sum;
  });
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}

export function describeFloat64(name: string, open: () => Promise<Float64Algebra> | Float64Algebra): void {
  describe(`float64 algebra: ${name}`, () => {
    it.each([
      [1, 1, 1],
      [3, 5, 2],
      [64, 64, 256],
      [67, 130, 300],
      [130, 3, 517],
    ])('multiplies [%i rows] by [%i rows] over %i features', async (n, m, d) => {
      const algebra = await open();
      const [a, b] = [normals(n * d, 1), normals(m * d, 2)];
      const found = await algebra.productTransposed(a, b, n, m, d, pace);
      expect(largestDifference(found, product(a, b, n, m, d))).toBeLessThan(1e-12 * d);
      const own = await algebra.productTransposed(a, a, n, n, d, pace);
      expect(largestDifference(own, product(a, a, n, n, d))).toBeLessThan(1e-12 * d);
      const single = Float32Array.from(b);
      const mixed = await algebra.productTransposed(a, single, n, m, d, pace);
      expect(largestDifference(mixed, product(a, single, n, m, d))).toBeLessThan(1e-12 * d);
    });

    it.each([[1], [5], [32], [33], [100], [257]])('factors a matrix of order %i and solves with it', async (n) => {
      const algebra = await open();
      const x = normals(n * n, 3);
      const k = product(x, x, n, n, n);
      for (let i = 0; i < n; i++) k[i * n + i] = k[i * n + i]! + 1;
      // Only the lower triangle may be read.
      const lower = k.map((value, at) => (at % n > Math.floor(at / n) ? Number.NaN : value));
      const factor = (await algebra.factor(lower, n, pace))!;
      const rows = 7;
      const b = normals(rows * n, 4);
      const solved = await factor.solve(b, rows, pace);
      expect(largestDifference(product(solved, k, rows, n, n), b)).toBeLessThan(1e-9);
      // L⁻¹ of each row: its inner products are those with K⁻¹.
      const half = await factor.forward(b, rows, pace);
      expect(
        largestDifference(product(half, half, rows, rows, n), product(b, solved, rows, rows, n)) / (1 + n),
      ).toBeLessThan(1e-9);
      factor.dispose();
    });

    it('says that a matrix is not positive definite', async () => {
      const algebra = await open();
      expect(await algebra.factor(Float64Array.of(1, 2, 2, 1), 2, pace)).toBeNull();
      const x = normals(40 * 10, 5);
      expect(await algebra.factor(product(x, x, 40, 40, 10), 40, pace)).toBeNull();
    });

    it('keeps operations that run at the same time apart', async () => {
      const algebra = await open();
      const often = new Pace();
      often.due = () => true;
      const inputs = [1, 2, 3].map((seed) => normals(70 * 300, seed));
      const found = await Promise.all(inputs.map((x) => algebra.productTransposed(x, x, 70, 70, 300, often)));
      for (const [i, x] of inputs.entries()) {
        expect(largestDifference(found[i]!, product(x, x, 70, 70, 300))).toBeLessThan(1e-9);
      }
    });

    it('stops when cancelled', async () => {
      const algebra = await open();
      const cancelled = new Pace(AbortSignal.abort());
      cancelled.due = () => true;
      const x = normals(100, 1);
      await expect(algebra.productTransposed(x, x, 10, 10, 10, cancelled)).rejects.toMatchObject({ code: 'cancelled' });
    });
  });
}
