/**
 * Cholesky factorisation and solve in float64, for the normal equations of the probes: float32 is not enough, since
 * squaring the condition of hidden states leaves no digits. Plain row-major loops; no pivoting, the caller's matrix is
 * positive definite or the factorisation says so.
 */
import type { Pace } from './pace.ts';

/** Smallest pivot accepted, relative to the diagonal entry it came from. */
const PIVOT_TOLERANCE = 1e-14;

/**
 * Overwrites the lower triangle of `a` [d, d] with L, `a = L·Lᵀ`. Returns false when `a` is not numerically positive
 * definite; `a` is then undefined.
 */
export async function factorCholesky(a: Float64Array, d: number, pace: Pace): Promise<boolean> {
  for (let i = 0; i < d; i++) {
    const rowI = a.subarray(i * d, i * d + i + 1);
    for (let j = 0; j < i; j++) {
      const rowJ = a.subarray(j * d, j * d + j + 1);
      rowI[j] = (rowI[j]! - dot(rowI, rowJ, j)) / rowJ[j]!;
    }
    const before = rowI[i]!;
    const pivot = before - dot(rowI, rowI, i);
    if (!(pivot > PIVOT_TOLERANCE * before)) return false;
    rowI[i] = Math.sqrt(pivot);
    if (pace.due()) await pace.rest();
  }
  return true;
}

/** Solves `L·Lᵀ·X = B` in place of `b` [d, columns]; `l` as left by `factorCholesky`. */
export async function solveCholesky(l: Float64Array, d: number, b: Float64Array, columns: number, pace: Pace) {
  const row = (i: number) => b.subarray(i * columns, (i + 1) * columns);
  for (let i = 0; i < d; i++) {
    const target = row(i);
    for (let k = 0; k < i; k++) subtractScaled(target, row(k), l[i * d + k]!);
    scale(target, 1 / l[i * d + i]!);
    if (pace.due()) await pace.rest();
  }
  for (let i = d - 1; i >= 0; i--) {
    const target = row(i);
    for (let k = i + 1; k < d; k++) subtractScaled(target, row(k), l[k * d + i]!);
    scale(target, 1 / l[i * d + i]!);
    if (pace.due()) await pace.rest();
  }
}

/** Four running sums: the additions of one would wait for each other. */
function dot(x: Float64Array, y: Float64Array, length: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  const unrolled = length & ~3;
  for (let i = 0; i < unrolled; i += 4) {
    s0 += x[i]! * y[i]!;
    s1 += x[i + 1]! * y[i + 1]!;
    s2 += x[i + 2]! * y[i + 2]!;
    s3 += x[i + 3]! * y[i + 3]!;
  }
  for (let i = unrolled; i < length; i++) s0 += x[i]! * y[i]!;
  return s0 + s1 + s2 + s3;
}

function subtractScaled(target: Float64Array, source: Float64Array, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i] = target[i]! - factor * source[i]!;
}

function scale(target: Float64Array, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i] = target[i]! * factor;
}
