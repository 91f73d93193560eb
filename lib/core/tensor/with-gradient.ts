/** A function of tensors with a gradient written by hand, instead of one pieced together from those of its operations. */
import * as tf from '@tensorflow/tfjs-core';

/**
 * `forward` computes the value and saves what `backward` needs; `backward` gets those in the same order and returns one
 * gradient per input. It must not reach for other tensors of the forward, which are gone by then. Where no gradient is
 * taken, nothing is saved.
 */
export function withGradient<T extends tf.Tensor>(
  inputs: tf.Tensor[],
  forward: (save: (...tensors: tf.Tensor[]) => void) => T,
  backward: (dy: T, ...saved: tf.Tensor[]) => tf.Tensor[],
): T {
  const operation = tf.customGrad<T>((...args) => {
    const keep = args.at(-1);
    if (typeof keep !== 'function') throw new TypeError('TensorFlow.js gave nothing to save with');
    return {
      value: forward((...tensors) => keep(tensors)),
      gradFunc: (dy, saved) => tf.tidy(() => backward(dy, ...saved)),
    };
  });
  return operation(...inputs);
}
