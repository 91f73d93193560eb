/**
 * Inner products of linear kernels of teacher and surrogate states: all that CKA and the trajectories are made of. Two
 * forms with the same values: `feature-kernels.ts` works with d × d products XᵀY when there are more rows than features,
 * `sample-kernels.ts` with n × n kernels X·Xᵀ when there are not. Products run on the engine in float32, sums in float64.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { AffineMap } from '../model/route.ts';
import type { KernelSums } from './cka.ts';

/** Indices are those of the CentredStates: 0 is the embedded input, i + 1 the state after block i. */
export interface StateKernels {
  /** Kernel sums of state `a` and ⟨K_a, K_b⟩ for every b ≥ a. */
  compare(a: number): Promise<{ sums: KernelSums; inner: number[] }>;
  /** The surrogate that starts from state `start`; dispose it before the kernels. */
  surrogateFrom(start: number): Surrogate;
  dispose(): void;
}

/**
 * A state that probes are applied to. Probes are affine and CKA centres, so the bias plays no part: a step multiplies the
 * centred rows by I + W.
 */
export interface Surrogate {
  apply(probe: AffineMap): void;
  /** Kernel sums of the surrogate and its ⟨K_S, K_b⟩ with each of the named states. */
  compare(states: readonly number[]): Promise<{ sums: KernelSums; inner: number[] }>;
  dispose(): void;
}

/** I + W [d, d] of a probe, owned by the caller. */
export function residualMatrix(probe: AffineMap): tf.Tensor2D {
  const d = probe.bias.length;
  const matrix = Float32Array.from(probe.weight);
  for (let j = 0; j < d; j++) matrix[j * d + j] = matrix[j * d + j]! + 1;
  return tf.tensor2d(matrix, [d, d]);
}
