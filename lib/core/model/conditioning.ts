/** What the families' forward passes begin with: sinusoids, embedders, rotary tables and the text mask as tensors. */
import * as tf from '@tensorflow/tfjs-core';
import type { ModelConfig } from './architecture.ts';
import type { Rotation } from './fused-gradients.ts';
import type { JointState } from './joint-attention.ts';
import { linear, silu } from './layers.ts';
import { pairSwap, type RotaryTables, timeFeatures } from './rotary.ts';
import type { TransformerInputs } from './transformer.ts';
import type { WeightSet } from './weights.ts';

/** Added to the score of a masked key; far below any score, and finite so that no engine makes NaN of it. */
const MASKED_SCORE = -1e9;

/** linear_2(silu(linear_1(x))) of diffusers' TimestepEmbedding and PixArtAlphaTextProjection. x [B, in] → [B, D]. */
export function embedded(x: tf.Tensor2D, globals: WeightSet, name: string): tf.Tensor2D {
  return linear(silu(linear(x, globals.linear(`${name}.linear_1`))), globals.linear(`${name}.linear_2`));
}

/** Latents and prompt as FLUX projects them into the width: [B, N_img, D] and [B, N_txt, D], owned by the caller. */
export function embedStreams(
  { batch, imageTokens, textTokens, hiddenStates, encoderHiddenStates }: TransformerInputs,
  { inChannels, textDim }: Pick<ModelConfig, 'inChannels' | 'textDim'>,
  globals: WeightSet,
): JointState {
  const hidden = tf.tensor3d(hiddenStates, [batch, imageTokens, inChannels]);
  const prompt = tf.tensor3d(encoderHiddenStates, [batch, textTokens, textDim]);
  return {
    image: linear(hidden, globals.linear('x_embedder')),
    text: linear(prompt, globals.linear('context_embedder')),
  };
}

/** Sinusoid of each value [B] → [B, channels], by default 256; see `timeFeatures` for the scale. */
export function sinusoid(values: Float32Array, angleScale: number, channels?: number): tf.Tensor2D {
  const features = timeFeatures(values, angleScale, channels);
  return tf.tensor2d(features, [values.length, features.length / values.length]);
}

/** Rotary tables of consecutive parts of one sequence, as constants on the engine. The caller owns them. */
export function rotationOf(parts: readonly RotaryTables[], headDim: number): Rotation {
  const table = (pick: (part: RotaryTables) => Float32Array) =>
    tf.tidy(() =>
      tf.concat4d(
        parts.map((part) => tf.tensor4d(pick(part), [1, pick(part).length / headDim, 1, headDim])),
        1,
      ),
    );
  return {
    cos: table(({ cos }) => cos),
    sin: table(({ sin }) => sin),
    turn: tf.tensor2d(pairSwap(headDim), [headDim, headDim]),
  };
}

export function disposeRotation(rotation: Rotation | null): void {
  if (rotation) tf.dispose([rotation.cos, rotation.sin, rotation.turn]);
}

/** Which stream a token of the sequence [text, image] belongs to: [Nt + Ni, 2], (1, 0) for text and (0, 1) for image. */
export function streamMembership(textTokens: number, imageTokens: number): tf.Tensor2D {
  const tokens = textTokens + imageTokens;
  return tf.tensor2d(
    Float32Array.from({ length: 2 * tokens }, (_, i) => (i % 2 === (i < 2 * textTokens ? 0 : 1) ? 1 : 0)),
    [tokens, 2],
  );
}

/** Keys-only mask, additive [B, 1, 1, Nt + Ni]; null where every token is valid. */
export function additiveMask({ batch, imageTokens, textTokens, mask }: TransformerInputs): tf.Tensor4D | null {
  if (!mask || mask.every(Boolean)) return null;
  const tokens = textTokens + imageTokens;
  const scores = new Float32Array(batch * tokens);
  mask.forEach((valid, i) => {
    if (!valid) scores[Math.floor(i / textTokens) * tokens + (i % textTokens)] = MASKED_SCORE;
  });
  return tf.tensor4d(scores, [batch, 1, 1, tokens]);
}
