/**
 * The forward pass of FLUX.2 (diffusers' Flux2Transformer2DModel): dual-stream blocks, then single-stream blocks on [text,
 * image] as one sequence; time and, where the model has it, the guidance scale condition every block by the same modulation.
 */
import * as tf from '@tensorflow/tfjs-core';
import { createTransformer } from '../block-transformer.ts';
import { disposeRotation, embedded, embedStreams, rotationOf, sinusoid, streamMembership } from '../conditioning.ts';
import { architectureOf } from '../counts.ts';
import { checkInputs, extraOf } from '../inputs.ts';
import type { JointState } from '../joint-attention.ts';
import { modulations, projectOutput, silu, singleModulation } from '../layers.ts';
import { rotaryTables } from '../rotary.ts';
import type { Transformer, TransformerInputs } from '../transformer.ts';
import type { WeightSet, WeightStore } from '../weights.ts';
import { AXES, type Flux2Config } from './config.ts';
import { type Flux2Context, runDualBlock, runSingleBlock } from './layers.ts';

export async function openFlux2(config: Flux2Config, weights: WeightStore): Promise<Transformer> {
  const globals = await weights.globals();
  return createTransformer<Flux2Context, JointState>(config, architectureOf(config), weights, {
    begin(inputs) {
      checkInputs(inputs, config, { imageShapes: 'optional' });
      return beginContext(inputs, config, globals);
    },
    embed: (inputs) => embedStreams(inputs, config, globals),
    runBlock: (spec, block, state, context, updates, without) =>
      spec.stack === 'single'
        ? runSingleBlock(config, block, state, context, updates, without)
        : runDualBlock(config, block, state, context, updates, without, spec),
    project: (state, { conditioning }) => projectOutput(state.image, conditioning, globals),
    dispose({ conditioning, image, text, single, streams, jointRotation, imageRotation }) {
      tf.dispose([conditioning, streams]);
      for (const { shift, scale, gate } of [image.attention, image.mlp, text.attention, text.mlp, single]) {
        tf.dispose([shift, scale, gate]);
      }
      disposeRotation(jointRotation);
      disposeRotation(imageRotation);
    },
  });
}

function beginContext(inputs: TransformerInputs, config: Flux2Config, globals: WeightSet): Flux2Context {
  const { batch, imageTokens, textTokens } = inputs;
  const tables = (name: string) => rotaryTables(rowsOf(extraOf(inputs, name)), config.ropeAxes, config.ropeTheta);
  const [ofText, ofImage] = [tables('txt_ids'), tables('img_ids')];
  const conditioning = tf.tidy(() => silu(conditioningOf(inputs, config, globals)));
  // Spread: TensorFlow.js' types know tensors in plain objects, and none in interfaces.
  const modulated = tf.tidy(() => {
    const twice = (layer: string) => {
      const [attention, mlp] = modulations(conditioning, globals.linear(layer));
      return { attention: { ...attention }, mlp: { ...mlp } };
    };
    return {
      image: twice('double_stream_modulation_img.linear'),
      text: twice('double_stream_modulation_txt.linear'),
      single: { ...singleModulation(conditioning, globals.linear('single_stream_modulation.linear')) },
    };
  });
  return {
    batch,
    imageTokens,
    textTokens,
    conditioning,
    ...modulated,
    jointRotation: rotationOf([ofText, ofImage], config.headDim),
    imageRotation: rotationOf([ofImage], config.headDim),
    streams: streamMembership(textTokens, imageTokens),
    mask: null,
  };
}

/** [B, D]: the embedded time and, where the model has an embedder for it, the guidance, added together. */
function conditioningOf(
  inputs: TransformerInputs,
  { guidanceEmbeds, timeChannels }: Flux2Config,
  globals: WeightSet,
): tf.Tensor2D {
  // FLUX multiplies time and guidance themselves, before the sinusoid.
  const of = (values: Float32Array, embedder: string) =>
    embedded(
      sinusoid(
        values.map((value) => value * 1000),
        1,
        timeChannels,
      ),
      globals,
      `time_guidance_embed.${embedder}`,
    );
  const time = of(inputs.timestep, 'timestep_embedder');
  return guidanceEmbeds ? tf.add(time, of(extraOf(inputs, 'guidance'), 'guidance_embedder')) : time;
}

function rowsOf(values: Float32Array): number[][] {
  return Array.from({ length: values.length / AXES }, (_, row) => [...values.subarray(row * AXES, (row + 1) * AXES)]);
}
