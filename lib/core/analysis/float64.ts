/**
 * Float64 algebra for the probes: products and Cholesky factors in blocks. Float32 is not enough, since squaring the condition
 * of hidden states leaves no digits. Runs on WebAssembly SIMD, or on what the engine in use brings (`offerFloat64`).
 */
import * as tf from '@tensorflow/tfjs-core';
import { BlockedAlgebra } from './float64-blocked.ts';
import { plainKernel, wasmKernel } from './float64-kernel.ts';
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

const offered = new Map<string, Float64Algebra>();
let own: Float64Algebra | null = null;

/** What takes the place of WebAssembly while `engine` is TensorFlow.js' backend. */
export function offerFloat64(engine: string, algebra: Float64Algebra): void {
  offered.set(engine, algebra);
}

export function float64Algebra(): Float64Algebra {
  return offered.get(tf.getBackend()) ?? ownFloat64();
}

/** WebAssembly, and plain JavaScript where there is no WebAssembly SIMD. */
export function ownFloat64(): Float64Algebra {
  own ??= new BlockedAlgebra(wasmKernel() ?? plainKernel());
  return own;
}
