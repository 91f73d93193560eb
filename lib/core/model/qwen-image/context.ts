/**
 * What all blocks of one Qwen-Image forward share: the time conditioning (two where reference images take time 0), the rotary
 * tables of both streams and the additive text mask. Made once per forward, whatever the number of blocks; the transformer that made it disposes it.
 */
import * as tf from '@tensorflow/tfjs-core';
import { elementsOf } from '../architecture.ts';
import { additiveMask, disposeRotation, embedded, rotationOf, sinusoid, streamMembership } from '../conditioning.ts';
import type { Conditioning, DualContext } from '../dual-block.ts';
import { extraOf } from '../inputs.ts';
import { silu } from '../layers.ts';
import { disposeShared, sharedConditionings, type TimedConditioning } from '../shared-conditioning.ts';
import type { TokenTimes } from '../token-times.ts';
import type { ImageShape, TransformerInputs } from '../transformer.ts';
import type { WeightSet } from '../weights.ts';
import type { QwenImageConfig } from './config.ts';
import { imageRotary, textRotary } from './positions.ts';
import { TIME_CONDITION } from './time-condition.ts';

/** Model time is 0..1. diffusers multiplies the angle, not the time, which rounds differently. */
const TIME_SCALE = 1000;

export function beginContext(inputs: TransformerInputs, config: QwenImageConfig, globals: WeightSet): DualContext {
  const { batch, imageTokens, textTokens } = inputs;
  const imageShapes = inputs.imageShapes ?? [];
  const { headDim } = config;
  const [ofText, ofImage] = [textRotary(textTokens, imageShapes, config), imageRotary(imageShapes, config)];
  const conditioned = conditioningOf(inputs, config, globals);
  const shared = sharedOf(config, conditioned, globals);
  return {
    batch,
    imageTokens,
    textTokens,
    ...conditioned.whole,
    ...(shared ? { shared } : {}),
    jointRotation: rotationOf([ofText, ofImage], headDim),
    imageRotation: rotationOf([ofImage], headDim),
    streams: streamMembership(textTokens, imageTokens),
    mask: additiveMask(inputs),
  };
}

/** Null where blocks share no modulation. What it refuses leaves no tensor behind. */
function sharedOf({ modulations }: QwenImageConfig, conditioned: TimedConditioning, globals: WeightSet) {
  if (modulations.length === 0) return null;
  try {
    return sharedConditionings(
      modulations.map(({ by }) => by),
      conditioned,
      globals,
    );
  } catch (thrown) {
    const { conditioning, imageTimes } = conditioned.whole;
    tf.dispose([conditioning, imageTimes?.conditioning, imageTimes?.choice]);
    throw thrown;
  }
}

/** With the times that its rows are of. */
function conditioningOf(inputs: TransformerInputs, config: QwenImageConfig, globals: WeightSet): TimedConditioning {
  const times = imageTimes(inputs, config, globals);
  const whole: Conditioning = {
    conditioning: tf.tidy(() => silu(timeEmbedding(inputs.timestep, inputs, config, globals))),
    imageTimes: times?.ofTokens ?? null,
  };
  return { whole, timesteps: inputs.timestep, imageTimesteps: times?.timesteps ?? null };
}

/** [T, D] of `times`, as many or `batch` times as many as there are samples; each sample's additional condition is added to all of its times. */
function timeEmbedding(
  times: Float32Array,
  inputs: TransformerInputs,
  { additionalTimeCondition }: QwenImageConfig,
  globals: WeightSet,
): tf.Tensor2D {
  const ofTime = embedded(sinusoid(times, TIME_SCALE), globals, 'time_text_embed.timestep_embedder');
  if (!additionalTimeCondition) return ofTime;
  const perSample = times.length / inputs.batch;
  const rows = extraOf(inputs, TIME_CONDITION.input);
  const choice = new Float32Array(times.length * TIME_CONDITION.rows);
  for (let i = 0; i < times.length; i++) choice[i * TIME_CONDITION.rows + rows[Math.floor(i / perSample)]!] = 1;
  const chosen = tf.tensor2d(choice, [times.length, TIME_CONDITION.rows]);
  // Matrices are [in, out] on the engine, and an embedding is stored [rows, D].
  return tf.add(
    ofTime,
    tf.matMul(chosen, globals.vector(TIME_CONDITION.layer) as tf.Tensor, false, true),
  ) as tf.Tensor2D;
}

/** Time t for the tokens of each sample's first image and time 0 for those of its others; null where there are no others. */
function imageTimes(
  inputs: TransformerInputs,
  config: QwenImageConfig,
  globals: WeightSet,
): { readonly ofTokens: TokenTimes; readonly timesteps: Float32Array } | null {
  const { batch, imageTokens, timestep } = inputs;
  if (!config.zeroTimeReferences) return null;
  const shapes = inputs.shapesOfSamples ?? new Array<readonly ImageShape[]>(batch).fill(inputs.imageShapes ?? []);
  const drawn = shapes.map(([first]) => (first ? elementsOf(first) : 0));
  if (drawn.every((tokens) => tokens === imageTokens)) return null;
  const times = Float32Array.from({ length: 2 * batch }, (_, i) => (i % 2 === 0 ? timestep[i / 2]! : 0));
  const choice = Float32Array.from({ length: 2 * batch * imageTokens }, (_, i) => {
    const token = Math.floor(i / 2);
    const isDrawn = token % imageTokens < drawn[Math.floor(token / imageTokens)]!;
    return (i % 2 === 0) === isDrawn ? 1 : 0;
  });
  return {
    timesteps: times,
    ofTokens: {
      conditioning: tf.tidy(() => silu(timeEmbedding(times, inputs, config, globals))),
      choice: tf.tensor3d(choice, [batch, imageTokens, 2]),
    },
  };
}

export function disposeContext({
  conditioning,
  imageTimes,
  shared = [],
  jointRotation,
  imageRotation,
  streams,
  mask,
}: DualContext): void {
  tf.dispose([conditioning, streams]);
  if (imageTimes) tf.dispose([imageTimes.conditioning, imageTimes.choice]);
  disposeShared(shared);
  disposeRotation(jointRotation);
  disposeRotation(imageRotation);
  mask?.dispose();
}
