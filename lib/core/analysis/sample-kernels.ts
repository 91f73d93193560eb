/**
 * Kernel inner products from n × n kernels K = X·Xᵀ, for at most as many rows as features. Kernels are computed on the
 * engine and kept as float32 values; diagonals are taken from the same values, so that what the debiased estimator
 * subtracts is exactly what was added.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { CentredStates } from './centred-states.ts';
import type { KernelSums } from './cka.ts';
import { type ProbeStep, probeStep, type StateKernels, type Surrogate } from './kernels.ts';

export function sampleKernels(states: CentredStates): StateKernels {
  const kept = new Map<number, Float32Array>();
  const kernel = async (index: number): Promise<Float32Array> => {
    const known = kept.get(index);
    if (known) return known;
    const rows = states.tensor(index);
    const values = await kernelOf(rows);
    rows.dispose();
    kept.set(index, values);
    return values;
  };
  const compare = async (k: Float32Array, others: readonly number[]) => {
    const inner: number[] = [];
    for (const other of others) inner.push(innerProduct(k, await kernel(other)));
    return { sums: sumsOf(k, states.rows), inner };
  };
  return {
    compare: async (a) =>
      compare(
        await kernel(a),
        Array.from({ length: states.count - a }, (_, i) => a + i),
      ),
    surrogateFrom: (start) => new SampleSurrogate(states.tensor(start), compare),
    stepOf: probeStep,
    dispose: () => kept.clear(),
  };
}

class SampleSurrogate implements Surrogate {
  /** S [n, d] */
  #rows: tf.Tensor2D;

  constructor(
    rows: tf.Tensor2D,
    readonly compareKernel: (
      kernel: Float32Array,
      states: readonly number[],
    ) => Promise<{ sums: KernelSums; inner: number[] }>,
  ) {
    this.#rows = rows;
  }

  apply(step: ProbeStep): void {
    const rows = this.#rows;
    this.#rows = step.advance(rows);
    rows.dispose();
  }

  async compare(states: readonly number[]): Promise<{ sums: KernelSums; inner: number[] }> {
    return this.compareKernel(await kernelOf(this.#rows), states);
  }

  dispose(): void {
    this.#rows.dispose();
  }
}

/** X·Xᵀ [n, n] as values; `rows` stays the caller's. */
export async function kernelOf(rows: tf.Tensor2D): Promise<Float32Array> {
  const product = tf.tidy(() => tf.matMul(rows, tf.transpose(rows)));
  const values = await product.data<'float32'>();
  product.dispose();
  return values;
}

export function sumsOf(kernel: Float32Array, n: number): KernelSums {
  const diagonal = Float64Array.from({ length: n }, (_, i) => kernel[i * n + i]!);
  return { diagonal, trace: diagonal.reduce((a, b) => a + b, 0), self: innerProduct(kernel, kernel) };
}

export function innerProduct(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
