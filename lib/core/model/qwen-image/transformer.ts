/**
 * The forward pass of Qwen-Image (diffusers' QwenImageTransformer2DModel, numerics of 0.37 and later): dual-stream blocks
 * with joint attention over [text, image], centred three-axis rotary positions, keys-only text mask. PPCL's narrower blocks
 * run as in its own class, but that the mask holds in them too.
 */
import * as tf from '@tensorflow/tfjs-core';
import { createTransformer } from '../block-transformer.ts';
import { architectureOf } from '../counts.ts';
import { type DualContext, type DualLayers, runDualBlock } from '../dual-block.ts';
import { inverseRms } from '../fused-gradients.ts';
import { checkInputs } from '../inputs.ts';
import type { JointState } from '../joint-attention.ts';
import { linear, projectOutput } from '../layers.ts';
import type { Transformer, TransformerInputs } from '../transformer.ts';
import type { WeightSet, WeightStore } from '../weights.ts';
import type { QwenImageConfig } from './config.ts';
import { beginContext, disposeContext } from './context.ts';

const LAYERS: DualLayers = {
  image: { modulation: 'img_mod.1', out: 'attn.to_out.0', mlp: 'img_mlp', linearMlp: 'img_ffn_proj' },
  text: { modulation: 'txt_mod.1', out: 'attn.to_add_out', mlp: 'txt_mlp', linearMlp: 'txt_ffn_proj' },
  held: { projector: 'txt_proj', end: 'ehs_proj' },
};

export async function openQwenImage(config: QwenImageConfig, weights: WeightStore): Promise<Transformer> {
  const globals = await weights.globals();
  return createTransformer<DualContext, JointState>(config, architectureOf(config), weights, {
    begin(inputs) {
      checkInputs(inputs, config, { imageShapes: 'required' });
      return beginContext(inputs, config, globals);
    },
    embed: (inputs) => embed(inputs, config, globals),
    runBlock: (spec, block, state, context, updates, without) =>
      runDualBlock(config, LAYERS, block, state, context, updates, without, spec),
    project: (state, { conditioning }) => projectOutput(state.image, conditioning, globals),
    dispose: disposeContext,
  });
}

function embed(inputs: TransformerInputs, config: QwenImageConfig, globals: WeightSet): JointState {
  const { batch, imageTokens, textTokens } = inputs;
  const hidden = tf.tensor3d(inputs.hiddenStates, [batch, imageTokens, config.inChannels]);
  const prompt = tf.tensor3d(inputs.encoderHiddenStates, [batch, textTokens, config.textDim]);
  const normed = tf.mul(tf.mul(prompt, inverseRms(prompt)), globals.vector('txt_norm')) as tf.Tensor3D;
  return { image: linear(hidden, globals.linear('img_in')), text: linear(normed, globals.linear('txt_in')) };
}
