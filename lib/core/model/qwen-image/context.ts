/**
 * What all blocks of one Qwen-Image forward share: the time conditioning, the rotary tables of both streams and the
 * additive text mask. Made once per forward, whatever the number of blocks; the transformer that made it disposes it.
 */
import * as tf from '@tensorflow/tfjs-core';
import { additiveMask, disposeRotation, embedded, rotationOf, sinusoid, streamMembership } from '../conditioning.ts';
import type { DualContext } from '../dual-block.ts';
import { silu } from '../layers.ts';
import type { TransformerInputs } from '../transformer.ts';
import type { WeightSet } from '../weights.ts';
import type { QwenImageConfig } from './config.ts';
import { imageRotary, textRotary } from './positions.ts';

/** Model time is 0..1. diffusers multiplies the angle, not the time, which rounds differently. */
const TIME_SCALE = 1000;

export function beginContext(inputs: TransformerInputs, config: QwenImageConfig, globals: WeightSet): DualContext {
  const { batch, imageTokens, textTokens } = inputs;
  const imageShapes = inputs.imageShapes ?? [];
  const { headDim, ropeAxes } = config;
  const [ofText, ofImage] = [textRotary(textTokens, imageShapes, ropeAxes), imageRotary(imageShapes, ropeAxes)];
  return {
    batch,
    imageTokens,
    textTokens,
    conditioning: tf.tidy(() =>
      silu(embedded(sinusoid(inputs.timestep, TIME_SCALE), globals, 'time_text_embed.timestep_embedder')),
    ),
    jointRotation: rotationOf([ofText, ofImage], headDim),
    imageRotation: rotationOf([ofImage], headDim),
    streams: streamMembership(textTokens, imageTokens),
    mask: additiveMask(inputs),
  };
}

export function disposeContext({ conditioning, jointRotation, imageRotation, streams, mask }: DualContext): void {
  tf.dispose([conditioning, streams]);
  disposeRotation(jointRotation);
  disposeRotation(imageRotation);
  mask?.dispose();
}
