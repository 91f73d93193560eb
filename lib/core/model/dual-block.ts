/**
 * A dual-stream MMDiT block: each stream is modulated, both attend as one sequence, and each stream's result and MLP are added
 * under gates. Qwen-Image and FLUX.1 differ in the tensors' names alone. Call inside tf.tidy.
 */
import type * as tf from '@tensorflow/tfjs-core';
import type { ModelConfig, StreamId } from './architecture.ts';
import { type JointContext, type JointState, jointAttention } from './joint-attention.ts';
import { feedForward, gatedResidual, linear, type Modulation, modulatedNorm, modulations } from './layers.ts';
import { type TokenTimes, tokenModulations } from './token-times.ts';
import type { WeightSet } from './weights.ts';

/** Names of one stream's layers. */
export interface StreamLayers {
  readonly modulation: string;
  readonly out: string;
  readonly mlp: string;
}

export interface DualContext extends JointContext {
  /** silu(time embedding) [B, D] */
  readonly conditioning: tf.Tensor2D;
  /** Where image tokens are at different times, in place of `conditioning`. */
  readonly imageTimes?: TokenTimes | null;
}

export function runDualBlock(
  config: ModelConfig,
  names: Readonly<Record<'image' | 'text', StreamLayers>>,
  block: WeightSet,
  state: JointState,
  context: DualContext,
  updates: readonly StreamId[],
): JointState {
  const imageModulation = block.linear(names.image.modulation);
  const [imageAttention, imageMlp] = context.imageTimes
    ? tokenModulations(context.imageTimes, imageModulation)
    : modulations(context.conditioning, imageModulation);
  const [textAttention, textMlp] = modulations(context.conditioning, block.linear(names.text.modulation));
  const mixed = jointAttention(
    config,
    block,
    modulatedNorm(state.image, imageAttention),
    modulatedNorm(state.text, textAttention),
    context,
    updates.includes('text'),
  );
  return {
    image: finished(state.image, mixed.image, block, names.image, imageAttention, imageMlp),
    text: mixed.text ? finished(state.text, mixed.text, block, names.text, textAttention, textMlp) : state.text,
  };
}

function finished(
  x: tf.Tensor3D,
  mixed: tf.Tensor3D,
  block: WeightSet,
  { out, mlp: name }: StreamLayers,
  attention: Modulation,
  mlp: Modulation,
): tf.Tensor3D {
  const attended = gatedResidual(x, attention.gate, linear(mixed, block.linear(out)));
  const update = feedForward(
    modulatedNorm(attended, mlp),
    block.linear(`${name}.net.0.proj`),
    block.linear(`${name}.net.2`),
  );
  return gatedResidual(attended, mlp.gate, update);
}
