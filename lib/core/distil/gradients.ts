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

/**
 * The streams' losses, whose sum is differentiated; parameters that no loss depends on (the text weights of a last block)
 * have the gradient zero. Everything returned is the caller's own.
 */
export function lossAndGradients(
  parameters: FlatParameters,
  losses: (parameters: FlatParameters) => { readonly image: tf.Scalar; readonly text: tf.Scalar | null },
): LossAndGradients {
  const kept: tf.Scalar[] = [];
  try {
    const { value, grads } = tf.engine().gradients(
      () => {
        const { image, text } = losses(parameters);
        kept.push(tf.keep(tf.clone(image)));
        if (text) kept.push(tf.keep(tf.clone(text)));
        return text ? tf.add(image, text) : image;
      },
      [...parameters],
      undefined,
      true,
    );
    value.dispose();
    const found: readonly (tf.Tensor | null)[] = grads;
    const gradients = found.map((gradient, group) => gradient ?? tf.zerosLike(parameters[group]!)) as tf.Tensor1D[];
    return { image: kept[0]!, text: kept[1] ?? null, gradients };
  } catch (thrown) {
    tf.dispose(kept);
    throw thrown;
  }
}
