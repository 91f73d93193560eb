/** Loss and gradients of flat parameters. */
import * as tf from '@tensorflow/tfjs-core';
import '../tensor/gradients.ts';
import type { FlatParameters } from './parameters.ts';

export interface LossAndGradients {
  /** Per stream; null where the stream takes no part. */
  readonly image: tf.Scalar;
  readonly text: tf.Scalar | null;
  readonly gradients: FlatParameters;
}

/** The streams' losses, whose sum is differentiated. Everything returned is the caller's own. */
export function lossAndGradients(
  parameters: FlatParameters,
  losses: (parameters: FlatParameters) => { readonly image: tf.Scalar; readonly text: tf.Scalar | null },
): LossAndGradients {
  const kept: tf.Scalar[] = [];
  const { value, grads } = tf.valueAndGrads((...vectors: tf.Tensor[]) => {
    const { image, text } = losses(vectors as tf.Tensor1D[]);
    kept.push(tf.keep(tf.clone(image)));
    if (text) kept.push(tf.keep(tf.clone(text)));
    return text ? tf.add(image, text) : image;
  })([...parameters]);
  value.dispose();
  return { image: kept[0]!, text: kept[1] ?? null, gradients: grads as tf.Tensor1D[] };
}
