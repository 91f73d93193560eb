/**
 * One Qwen-Image block in training on noise, of any size, on the engine in use: what bench/train-step.ts times, and what the
 * tests train twice to compare bits.
 */
import * as tf from '@tensorflow/tfjs-core';
import {
  AdamW,
  type FlatParameters,
  flatten,
  layoutOf,
  lossAndGradients,
  StudentGradients,
  streamLoss,
  unflatten,
  weightSetOf,
} from '../lib/core/distil/index.ts';
import { disposeState, openTransformer, parseModelConfig, squarePicture } from '../lib/core/model/index.ts';
import { DEFAULT_DISTIL } from '../lib/core/run/index.ts';
import { noiseCheckpoint } from './noise-checkpoint.ts';
import { type BlockSize, tokensOf } from './train-step-sizes.ts';

export interface TrainingBlock {
  /** Forward, gradients of all weights, clipping, AdamW; resolves when it is done, to the streams' losses and the gradients' norm. */
  step(): Promise<readonly number[]>;
  /** Still the block's own. */
  weights(): readonly tf.Tensor1D[];
}

export async function trainingBlock(size: BlockSize, mayRecord = true): Promise<TrainingBlock> {
  const { heads, headDim, ropeAxes, batch } = size;
  const tokens = tokensOf(size);
  const config = parseModelConfig(
    JSON.stringify({
      _class_name: 'QwenImageTransformer2DModel',
      patch_size: 2,
      in_channels: 16,
      out_channels: 4,
      // The last block's text has no reader and would not be computed.
      num_layers: 2,
      attention_head_dim: headDim,
      num_attention_heads: heads,
      joint_attention_dim: 16,
      axes_dims_rope: ropeAxes,
    }),
    'config.json',
  );
  const transformer = await openTransformer(config, noiseCheckpoint(config));
  const { state, context } = await transformer.begin({
    hiddenStates: new Float32Array(batch * tokens.image * config.inChannels).fill(0.5),
    imageTokens: tokens.image,
    encoderHiddenStates: new Float32Array(batch * tokens.text * config.textDim).fill(0.5),
    textTokens: tokens.text,
    mask: null,
    timestep: new Float32Array(batch).fill(0.5),
    imageShapes: squarePicture(tokens.side),
    batch,
    extra: {},
  });
  disposeState(state);
  const normals = (count: number, seed: number) =>
    tf.randomNormal<tf.Rank.R3>([batch, count, config.width], 0, 1, 'float32', seed);
  const before = { image: normals(tokens.image, 1), text: normals(tokens.text, 2) };
  const after = { image: normals(tokens.image, 3), text: normals(tokens.text, 4) };

  const block = await transformer.readBlock(0);
  const layout = layoutOf(block.entries());
  // About the size of a trained block's weights.
  const start = flatten(new Map(block.entries()), layout).map((vector) =>
    tf.tidy(() => {
      const scaled = tf.mul(vector, 0.3) as tf.Tensor1D;
      vector.dispose();
      return scaled;
    }),
  );
  block.dispose();
  transformer.dispose();
  const optimizer = AdamW.startingAt(start, layout, DEFAULT_DISTIL);
  const studentGradients = new StudentGradients(['image', 'text'], layout);
  const given = new Map<string, tf.Tensor>([
    ...Object.entries(before).map(([stream, state]) => [`before ${stream}`, state] as const),
    ...Object.entries(after).map(([stream, state]) => [`after ${stream}`, state] as const),
    ...transformer.contextTensors(context),
  ]);
  const lossesOf = (vectors: FlatParameters) => {
    const weights = weightSetOf(unflatten(vectors, layout));
    const student = transformer.applyBlock(0, weights, before, context, 'updated');
    return {
      image: streamLoss(student.image!, after.image, null, DEFAULT_DISTIL),
      text: streamLoss(student.text!, after.text, null, DEFAULT_DISTIL),
    };
  };
  let done = 0;
  return {
    async step() {
      const { weights } = optimizer.vectors;
      const { losses, gradients } = mayRecord
        ? studentGradients.of(weights, given, lossesOf, null)
        : lossAndGradients(weights, lossesOf);
      const norm = optimizer.step(gradients, ++done, 1e-4);
      const scalars = [...Object.values(losses), norm];
      const numbers = tf.stack(scalars);
      tf.dispose(scalars);
      const values = await numbers.data();
      numbers.dispose();
      return Array.from(values);
    },
    weights: () => optimizer.vectors.weights,
  };
}
