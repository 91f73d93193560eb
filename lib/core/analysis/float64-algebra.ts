/**
 * Float64 algebra for the probes: products, Cholesky factors and solves. Float32 is not enough, since squaring the condition of
 * hidden states leaves no digits.
 */
import type { Pace } from './pace.ts';

export type Numbers = Float32Array | Float64Array;

export interface Float64Algebra {
  /** A·Bᵀ [n, m] of A [n, d] and B [m, d]. Half the work where both are one array. */
  productTransposed(a: Numbers, b: Numbers, n: number, m: number, d: number, pace: Pace): Promise<Float64Array>;
  /** Cholesky, K = L·Lᵀ, of a symmetric K [n, n], of which the lower triangle is read; null where K is not numerically positive definite. */
  factor(k: Float64Array, n: number, pace: Pace): Promise<Factored | null>;
}

export interface Factored {
  /** B·L⁻ᵀ [rows, n] of B [rows, n]: L⁻¹ of each row. */
  forward(b: Float64Array, rows: number, pace: Pace): Promise<Float64Array>;
  /** B·K⁻¹ [rows, n] of B [rows, n]. */
  solve(b: Float64Array, rows: number, pace: Pace): Promise<Float64Array>;
  dispose(): void;
}
