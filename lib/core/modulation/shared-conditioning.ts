/**
 * What blocks that share their modulation read, as a conditioning of full width: with it the whole model's matrices give what the
 * exported ones give of U c, so that shared modulations are trained and measured without other weights.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Conditionings } from '../model/index.ts';

/** The blocks of an edit, and its place among the edits of modulations. */
export interface SharedBlocks {
  readonly blocks: readonly number[];
  readonly place: number;
}

/** m + Dᵀ U (c − m) for each block of the edits, from the tensors `N.basis`, `N.directions` and `N.mean` by place. Inside tf.tidy or a gradient. */
export function sharedConditioning(
  conditioning: tf.Tensor2D,
  tensors: ReadonlyMap<string, tf.Tensor>,
  edits: readonly SharedBlocks[],
): Conditionings {
  const byBlock = new Map<number, tf.Tensor2D>();
  for (const { blocks, place } of edits) {
    const [basis, directions, mean] = ['basis', 'directions', 'mean'].map((part) => tensors.get(`${place}.${part}`)!);
    const read = tf.matMul(tf.sub(conditioning, mean!) as tf.Tensor2D, basis as tf.Tensor2D, false, true);
    const shared = tf.add(tf.matMul(read, directions as tf.Tensor2D), mean!) as tf.Tensor2D;
    for (const block of blocks) byBlock.set(block, shared);
  }
  return byBlock;
}
