/**
 * Modulation of a stream whose tokens are not all at one time: Qwen-Image-Edit's reference images are modulated as at time 0
 * (`zero_cond_t`), the picture that is drawn as at time t. Call inside tf.tidy.
 */
import * as tf from '@tensorflow/tfjs-core';
import { linear, type Modulation, outputsOf, triplesOf } from './layers.ts';
import type { LinearWeights } from './weights.ts';

export interface TokenTimes {
  /** silu(time embedding) of every sample's times, [B · T, D]: sample by sample. */
  readonly conditioning: tf.Tensor2D;
  /** [B, N, T]: 1 at the time of each token, 0 elsewhere. */
  readonly choice: tf.Tensor3D;
}

/** As many triples as the layer gives, each [B, N, D]; order and `width` as in `modulationTriples`. */
export function tokenModulations(
  { conditioning, choice }: TokenTimes,
  weights: LinearWeights,
  width = conditioning.shape[1],
): Modulation[] {
  const [batch, , times] = choice.shape;
  const parts = outputsOf(weights) / width;
  const together = tf.reshape(linear(conditioning, weights), [batch, times, parts, width]);
  // A product with ones and zeros copies the rows exactly, and has a gradient on every engine.
  const split = tf
    .split(together, parts, 2)
    .map((part) => tf.matMul(choice, tf.reshape(part, [batch, times, width])) as tf.Tensor3D);
  return triplesOf(split);
}
