/**
 * The forward pass of FLUX.1 (diffusers' FluxTransformer2DModel): dual-stream blocks, then single-stream blocks on [text, image]
 * as one sequence; time, pooled text and, where the model has it, the guidance scale condition every block.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { BlockHalf, StreamId } from '../architecture.ts';
import { createTransformer } from '../block-transformer.ts';
import { disposeRotation, embedded, embedStreams, rotationOf, sinusoid, streamMembership } from '../conditioning.ts';
import { architectureOf } from '../counts.ts';
import { type DualContext, type DualLayers, runDualBlock } from '../dual-block.ts';
import { gelu, normThenRotate } from '../fused-gradients.ts';
import { checkInputs, extraOf } from '../inputs.ts';
import { type JointState, mergedHeads } from '../joint-attention.ts';
import { FFN_NAMES, HELD_TEXT, MODULATED_BY } from '../joint-parts.ts';
import { gatedResidual, linear, modulatedNorm, projectOutput, silu, singleModulation } from '../layers.ts';
import { rotaryTables } from '../rotary.ts';
import type { Transformer, TransformerInputs } from '../transformer.ts';
import type { WeightSet, WeightStore } from '../weights.ts';
import { MLP_RATIO } from './blocks.ts';
import type { FluxConfig } from './config.ts';

const LAYERS: DualLayers = {
  image: { modulation: MODULATED_BY.image, out: 'attn.to_out.0', ...FFN_NAMES.image },
  text: { modulation: MODULATED_BY.text, out: 'attn.to_add_out', ...FFN_NAMES.text },
  held: HELD_TEXT,
};

export async function openFlux(config: FluxConfig, weights: WeightStore): Promise<Transformer> {
  const globals = await weights.globals();
  return createTransformer<DualContext, JointState>(config, architectureOf(config), weights, {
    begin(inputs) {
      checkInputs(inputs, config, { imageShapes: 'optional' });
      return beginContext(inputs, config, globals);
    },
    embed: (inputs) => embedStreams(inputs, config, globals),
    runBlock: (spec, block, state, context, updates, without) =>
      spec.stack === 'single'
        ? runSingleBlock(config, block, state, context, updates, without)
        : runDualBlock(config, LAYERS, block, state, context, updates, without, spec),
    project: (state, { conditioning }) => projectOutput(state.image, conditioning, globals),
    dispose({ conditioning, jointRotation, imageRotation, streams }) {
      tf.dispose([conditioning, streams]);
      disposeRotation(jointRotation);
      disposeRotation(imageRotation);
    },
  });
}

function beginContext(inputs: TransformerInputs, config: FluxConfig, globals: WeightSet): DualContext {
  const { batch, imageTokens, textTokens } = inputs;
  const tables = (name: string, tokens: number) => rotaryTables(rowsOf(extraOf(inputs, name), tokens), config.ropeAxes);
  const [ofText, ofImage] = [tables('txt_ids', textTokens), tables('img_ids', imageTokens)];
  return {
    batch,
    imageTokens,
    textTokens,
    conditioning: tf.tidy(() => silu(conditioningOf(inputs, config, globals))),
    jointRotation: rotationOf([ofText, ofImage], config.headDim),
    imageRotation: rotationOf([ofImage], config.headDim),
    streams: streamMembership(textTokens, imageTokens),
    mask: null,
  };
}

/** [B, D]: the sum of the embedded time, guidance and pooled text. */
function conditioningOf(
  inputs: TransformerInputs,
  { guidanceEmbeds, pooledDim }: FluxConfig,
  globals: WeightSet,
): tf.Tensor2D {
  const pooled = tf.tensor2d(extraOf(inputs, 'pooled_projections'), [inputs.batch, pooledDim]);
  const parts = [
    embedded(sinusoid(thousandfold(inputs.timestep), 1), globals, 'time_text_embed.timestep_embedder'),
    embedded(pooled, globals, 'time_text_embed.text_embedder'),
  ];
  if (guidanceEmbeds) {
    const guidance = sinusoid(thousandfold(extraOf(inputs, 'guidance')), 1);
    parts.push(embedded(guidance, globals, 'time_text_embed.guidance_embedder'));
  }
  return tf.addN(parts);
}

/** FLUX multiplies time and guidance themselves, before the sinusoid. */
function thousandfold(values: Float32Array): Float32Array {
  return values.map((value) => value * 1000);
}

/**
 * Attention and MLP side by side on [text, image], added together under one gate. Without text, queries and MLP of the image
 * alone are computed.
 */
function runSingleBlock(
  { numHeads, headDim, width }: FluxConfig,
  block: WeightSet,
  state: JointState,
  { batch, textTokens, imageTokens, conditioning, jointRotation, imageRotation }: DualContext,
  updates: readonly StreamId[],
  without: BlockHalf | null,
): JointState {
  const withText = updates.includes('text');
  const modulation = singleModulation(conditioning, block.linear('norm.linear'));
  const whole = tf.concat([state.text, state.image], 1);
  const normed = modulatedNorm(whole, modulation);
  const [residual, queried] = withText
    ? [whole, normed]
    : [state.image, tf.slice(normed, [0, textTokens, 0], [batch, imageTokens, width])];
  const heads = (x: tf.Tensor3D, name: string) =>
    tf.reshape(linear(x, block.linear(`attn.${name}`)), [batch, -1, numHeads, headDim]) as tf.Tensor4D;
  const gain = (name: string) => tf.reshape(block.vector(`attn.${name}`), [1, 1, 1, headDim]) as tf.Tensor4D;
  const attended = () =>
    mergedHeads(
      normThenRotate(
        heads(queried, 'to_q'),
        gain('norm_q'),
        withText ? jointRotation : imageRotation,
        1 / Math.sqrt(headDim),
      ),
      normThenRotate(heads(normed, 'to_k'), gain('norm_k'), jointRotation, 1),
      heads(normed, 'to_v'),
      null,
      width,
    );
  const mlp = () => gelu(linear(queried, block.linear('proj_mlp')));
  const halves = [
    without === 'attention' ? tf.zerosLike(queried) : attended(),
    without === 'ffn' ? tf.zeros<tf.Rank.R3>([batch, queried.shape[1], MLP_RATIO * width]) : mlp(),
  ];
  const update = linear(tf.concat(halves, 2), block.linear('proj_out'));
  const next = gatedResidual(residual, modulation.gate, update);
  if (!withText) return { image: next, text: state.text };
  const [text, image] = tf.split<tf.Tensor3D>(next, [textTokens, imageTokens], 1);
  if (!text || !image) throw new RangeError('Two parts were asked for');
  return { image, text };
}

function rowsOf(values: Float32Array, rows: number): number[][] {
  const columns = values.length / rows;
  return Array.from({ length: rows }, (_, row) => [...values.subarray(row * columns, (row + 1) * columns)]);
}
