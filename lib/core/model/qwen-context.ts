/**
 * What all blocks of one Qwen-Image forward share: the time conditioning, the rotary tables of both streams and the
 * additive text mask. Made once per forward, whatever the number of blocks; the transformer that made it disposes it.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { ModelConfig } from './config.ts';
import type { Rotation } from './fused-gradients.ts';
import { linear, silu } from './layers.ts';
import { imageRotary, pairSwap, textRotary, timeFeatures } from './rotary.ts';
import type { PassContext, TransformerInputs } from './transformer.ts';
import type { WeightSet } from './weights.ts';

/** Added to the score of a masked key; far below any score, and finite so that no engine makes NaN of it. */
const MASKED_SCORE = -1e9;

export interface QwenContext extends PassContext {
  /** silu(time embedding) [B, D] */
  readonly conditioning: tf.Tensor2D;
  /** Of [text, image] as one sequence, and of the image alone. */
  readonly jointRotation: Rotation;
  readonly imageRotation: Rotation;
  /** Which stream a token of the sequence belongs to: [Nt + Ni, 2], (1, 0) for text and (0, 1) for image. */
  readonly streams: tf.Tensor2D;
  /** Additive [B, 1, 1, Nt + Ni], or null. */
  readonly mask: tf.Tensor4D | null;
}

export function beginContext(inputs: TransformerInputs, config: ModelConfig, globals: WeightSet): QwenContext {
  const { batch, imageTokens, textTokens, imageShapes } = inputs;
  const { headDim, ropeAxes } = config;
  const tokens = textTokens + imageTokens;
  const [ofText, ofImage] = [textRotary(textTokens, imageShapes, ropeAxes), imageRotary(imageShapes, ropeAxes)];
  const table = (...parts: Float32Array[]) =>
    tf.tidy(() =>
      tf.concat4d(
        parts.map((part) => tf.tensor4d(part, [1, part.length / headDim, 1, headDim])),
        1,
      ),
    );
  const turn = tf.tensor2d(pairSwap(headDim), [headDim, headDim]);
  const conditioning = tf.tidy(() => {
    const features = timeFeatures(inputs.timestep);
    const sinusoid = tf.tensor2d(features, [batch, features.length / batch]);
    const hidden = silu(linear(sinusoid, globals.linear('time_text_embed.timestep_embedder.linear_1')));
    return silu(linear(hidden, globals.linear('time_text_embed.timestep_embedder.linear_2')));
  });
  return {
    batch,
    imageTokens,
    textTokens,
    conditioning,
    jointRotation: { cos: table(ofText.cos, ofImage.cos), sin: table(ofText.sin, ofImage.sin), turn },
    imageRotation: { cos: table(ofImage.cos), sin: table(ofImage.sin), turn },
    streams: tf.tensor2d(
      Float32Array.from({ length: 2 * tokens }, (_, i) => (i % 2 === (i < 2 * textTokens ? 0 : 1) ? 1 : 0)),
      [tokens, 2],
    ),
    mask: additiveMask(inputs),
  };
}

function additiveMask({ batch, imageTokens, textTokens, mask }: TransformerInputs): tf.Tensor4D | null {
  if (!mask || mask.every(Boolean)) return null;
  const tokens = textTokens + imageTokens;
  const scores = new Float32Array(batch * tokens);
  mask.forEach((valid, i) => {
    if (!valid) scores[Math.floor(i / textTokens) * tokens + (i % textTokens)] = MASKED_SCORE;
  });
  return tf.tensor4d(scores, [batch, 1, 1, tokens]);
}

export function disposeQwenContext({ conditioning, jointRotation, imageRotation, streams, mask }: QwenContext): void {
  tf.dispose([conditioning, jointRotation.cos, jointRotation.sin, jointRotation.turn, streams]);
  tf.dispose([imageRotation.cos, imageRotation.sin]);
  mask?.dispose();
}
