/**
 * What all blocks of one Qwen-Image forward share: the time conditioning, the rotary tables of both streams and the
 * additive text mask. Made once per forward, whatever the number of blocks; the transformer that made it disposes it.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { ModelConfig } from './config.ts';
import { linear, silu } from './layers.ts';
import { imageRotary, pairSwap, textRotary, timeFeatures } from './rotary.ts';
import type { PassContext, TransformerInputs } from './transformer.ts';
import type { WeightSet } from './weights.ts';

/** Added to the score of a masked key; far below any score, and finite so that no engine makes NaN of it. */
const MASKED_SCORE = -1e9;

export interface StreamRotary {
  /** [N, h] */
  readonly cos: tf.Tensor2D;
  readonly sin: tf.Tensor2D;
}

export interface QwenContext extends PassContext {
  /** silu(time embedding) [B, D] */
  readonly conditioning: tf.Tensor2D;
  readonly imageRotary: StreamRotary;
  readonly textRotary: StreamRotary;
  /** Signed and unsigned swap of rotary pairs [h, h]. */
  readonly rotate: tf.Tensor2D;
  readonly swap: tf.Tensor2D;
  /** Additive [B, 1, 1, Nt + Ni], or null. */
  readonly mask: tf.Tensor4D | null;
}

export function beginContext(inputs: TransformerInputs, config: ModelConfig, globals: WeightSet): QwenContext {
  const { batch, imageTokens, textTokens, imageShapes } = inputs;
  const { headDim, ropeAxes } = config;
  const rotary = (tables: { cos: Float32Array; sin: Float32Array }, tokens: number): StreamRotary => ({
    cos: tf.tensor2d(tables.cos, [tokens, headDim]),
    sin: tf.tensor2d(tables.sin, [tokens, headDim]),
  });
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
    imageRotary: rotary(imageRotary(imageShapes, ropeAxes), imageTokens),
    textRotary: rotary(textRotary(textTokens, imageShapes, ropeAxes), textTokens),
    rotate: tf.tensor2d(pairSwap(headDim, true), [headDim, headDim]),
    swap: tf.tensor2d(pairSwap(headDim, false), [headDim, headDim]),
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

export function disposeQwenContext({ conditioning, imageRotary, textRotary, rotate, swap, mask }: QwenContext): void {
  tf.dispose([conditioning, imageRotary.cos, imageRotary.sin, textRotary.cos, textRotary.sin, rotate, swap]);
  mask?.dispose();
}
