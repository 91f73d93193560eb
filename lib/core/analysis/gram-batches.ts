/**
 * Centred Grams K = X·Xᵀ of rows, whole for up to some number of rows, else of batches: seeded random parts of about equal
 * size, each centred for itself. What is held grows with n · batch instead of n². Grams come from the engine in float32 and are
 * summed here.
 */
import * as tf from '@tensorflow/tfjs-core';
import { seededRandom } from '../random.ts';
import { shuffled } from './balanced-groups.ts';
import type { KernelSums } from './cka.ts';
import { innerProduct, kernelOf, sumsOf } from './sample-kernels.ts';

/** A Gram of float32 then takes 4 MiB. */
const MOST_ROWS = 1024;
const BATCH_SEED = 4;

export interface Grams {
  /** One per batch, [rows, rows]. */
  readonly values: readonly Float32Array[];
  readonly sums: readonly KernelSums[];
}

/** The rows of each batch: one of all for up to `most` rows, else such of at most half as many. */
export function rowBatches(rows: number, most: number = MOST_ROWS): readonly Uint32Array[] {
  const all = [...Array(rows).keys()];
  if (rows <= most) return [Uint32Array.from(all)];
  const count = Math.ceil(rows / Math.max(4, Math.floor(most / 2)));
  const dealt = shuffled(all, seededRandom(BATCH_SEED));
  return Array.from({ length: count }, (_, batch) =>
    Uint32Array.from(dealt.filter((_, i) => i % count === batch)).sort(),
  );
}

/** `x` [n, d] is centred and stays the caller's. */
export async function gramsOf(x: tf.Tensor2D, batches: readonly Uint32Array[]): Promise<Grams> {
  const values: Float32Array[] = [];
  for (const rows of batches) {
    if (batches.length === 1) {
      values.push(await kernelOf(x));
      continue;
    }
    const part = tf.tidy(() => {
      const picked = tf.gather(x, tf.tensor1d(Int32Array.from(rows), 'int32'));
      return tf.sub<tf.Tensor2D>(picked, tf.mean(picked, 0));
    });
    values.push(await kernelOf(part).finally(() => part.dispose()));
  }
  return { values, sums: values.map((kernel, batch) => sumsOf(kernel, batches[batch]!.length)) };
}

/** ⟨K, L⟩ of each batch. */
export function innerProducts(a: Grams, b: Grams): number[] {
  return a.values.map((kernel, batch) => innerProduct(kernel, b.values[batch]!));
}
