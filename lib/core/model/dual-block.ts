/**
 * A dual-stream MMDiT block: each stream is modulated, both attend as one sequence, and each stream's result and MLP are added
 * under gates. Qwen-Image and FLUX.1 differ in the tensors' names alone. Call inside tf.tidy.
 */
import type * as tf from '@tensorflow/tfjs-core';
import type { BlockHalf, ModelConfig, StreamId } from './architecture.ts';
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
  without: BlockHalf | null,
): JointState {
  const imageModulation = block.linear(names.image.modulation);
  const [imageAttention, imageMlp] = context.imageTimes
    ? tokenModulations(context.imageTimes, imageModulation)
    : modulations(context.conditioning, imageModulation);
  const [textAttention, textMlp] = modulations(context.conditioning, block.linear(names.text.modulation));
  const withText = updates.includes('text');
  let { image, text } = state;
  if (without !== 'attention') {
    const mixed = jointAttention(
      config,
      block,
      modulatedNorm(image, imageAttention),
      modulatedNorm(text, textAttention),
      context,
      withText,
    );
    const attended = (x: tf.Tensor3D, gate: tf.Tensor3D, own: tf.Tensor3D, { out }: StreamLayers) =>
      gatedResidual(x, gate, linear(own, block.linear(out)));
    image = attended(image, imageAttention.gate, mixed.image, names.image);
    if (mixed.text) text = attended(text, textAttention.gate, mixed.text, names.text);
  }
  if (without !== 'ffn') {
    image = throughMlp(image, block, names.image, imageMlp);
    if (withText) text = throughMlp(text, block, names.text, textMlp);
  }
  return { image, text };
}

function throughMlp(x: tf.Tensor3D, block: WeightSet, { mlp: name }: StreamLayers, mlp: Modulation): tf.Tensor3D {
  const [up, down] = [block.linear(`${name}.net.0.proj`), block.linear(`${name}.net.2`)];
  return gatedResidual(x, mlp.gate, feedForward(modulatedNorm(x, mlp), up, down));
}
