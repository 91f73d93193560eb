/**
 * Modulation of a stream whose tokens are not all at one time: Qwen-Image-Edit's reference images are modulated as at time 0
 * (`zero_cond_t`), the picture that is drawn as at time t. Call inside tf.tidy.
 */
import * as tf from '@tensorflow/tfjs-core';
import { linear, type Modulation } from './layers.ts';
import type { LinearWeights } from './weights.ts';

export interface TokenTimes {
  /** silu(time embedding) of every sample's times, [B · T, D]: sample by sample. */
  readonly conditioning: tf.Tensor2D;
  /** [B, N, T]: 1 at the time of each token, 0 elsewhere. */
  readonly choice: tf.Tensor3D;
}

const PARTS = 6;

/** The modulations of attention and MLP, each [B, N, D]; order as in `modulations`. */
export function tokenModulations(
  { conditioning, choice }: TokenTimes,
  weights: LinearWeights,
): [Modulation, Modulation] {
  const [batch, , times] = choice.shape;
  const width = conditioning.shape[1];
  const together = tf.reshape(linear(conditioning, weights), [batch, times, PARTS, width]);
  // A product with ones and zeros copies the rows exactly, and has a gradient on every engine.
  const [shift1, scale1, gate1, shift2, scale2, gate2] = tf
    .split(together, PARTS, 2)
    .map((part) => tf.matMul(choice, tf.reshape(part, [batch, times, width])) as tf.Tensor3D);
  if (!shift1 || !scale1 || !gate1 || !shift2 || !scale2 || !gate2) throw new RangeError('Six parts were asked for');
  return [
    { shift: shift1, scale: scale1, gate: gate1 },
    { shift: shift2, scale: scale2, gate: gate2 },
  ];
}
