/**
 * Inner products of linear kernels of teacher and surrogate states: all that CKA and the trajectories are made of. Two
 * forms with the same values: `feature-kernels.ts` works with d × d products XᵀY when there are more rows than features,
 * `sample-kernels.ts` with n × n kernels X·Xᵀ when there are not. Products run on the engine in float32, sums in float64.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { AffineMap, LowRankMap } from '../model/route.ts';
import type { KernelSums } from './cka.ts';

/** Indices are those of the CentredStates: 0 is the embedded input, i + 1 the state after block i. */
export interface StateKernels {
  /** Kernel sums of state `a` and ⟨K_a, K_b⟩ for every b ≥ a. */
  compare(a: number): Promise<{ sums: KernelSums; inner: number[] }>;
  /** The surrogate that starts from state `start`; dispose it before the kernels. */
  surrogateFrom(start: number): Surrogate;
  /** A probe as these surrogates apply it, each as often as need be; owned by the caller. */
  stepOf(probe: AffineMap): ProbeStep;
  dispose(): void;
}

/**
 * A state that probes are applied to. Probes are affine and CKA centres, so the bias plays no part: a step multiplies the
 * centred rows by I + W.
 */
export interface Surrogate {
  apply(step: ProbeStep): void;
  /** Kernel sums of the surrogate and its ⟨K_S, K_b⟩ with each of the named states. */
  compare(states: readonly number[]): Promise<{ sums: KernelSums; inner: number[] }>;
  dispose(): void;
}

/** S·(I + W) of the centred rows S [n, d], owned by the caller; two thin products where W is of low rank. */
export function advanceRows(rows: tf.Tensor2D, probe: AffineMap): tf.Tensor2D {
  const step = probeStep(probe);
  try {
    return step.advance(rows);
  } finally {
    step.dispose();
  }
}

/** A probe on the engine, for as many rows as want to be advanced by it. */
export interface ProbeStep {
  advance(rows: tf.Tensor2D): tf.Tensor2D;
  dispose(): void;
}

export function probeStep(probe: AffineMap): ProbeStep {
  if ('weight' in probe) return denseStep(probe);
  const { left, right } = factorsOf(probe);
  return {
    advance: (rows) => tf.tidy(() => tf.add<tf.Tensor2D>(rows, tf.matMul(tf.matMul(rows, left), right))),
    dispose: () => {
      left.dispose();
      right.dispose();
    },
  };
}

/** The same as one product, whatever the rank of W. */
export function denseStep(probe: AffineMap): ProbeStep {
  const matrix = residualMatrix(probe);
  return { advance: (rows) => tf.matMul(rows, matrix), dispose: () => matrix.dispose() };
}

/** I + W [d, d] of a probe, owned by the caller. */
function residualMatrix(probe: AffineMap): tf.Tensor2D {
  const d = probe.bias.length;
  if ('weight' in probe) {
    const matrix = probe.weight.slice();
    for (let j = 0; j < d; j++) matrix[j * d + j] = matrix[j * d + j]! + 1;
    return tf.tensor2d(matrix, [d, d]);
  }
  return tf.tidy(() => {
    const { left, right } = factorsOf(probe);
    return tf.add<tf.Tensor2D>(tf.eye(d), tf.matMul(left, right));
  });
}

function factorsOf({ left, right, bias }: LowRankMap): { left: tf.Tensor2D; right: tf.Tensor2D } {
  const rank = right.length / bias.length;
  return { left: tf.tensor2d(left, [bias.length, rank]), right: tf.tensor2d(right, [rank, bias.length]) };
}
