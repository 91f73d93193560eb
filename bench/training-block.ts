/**
 * One Qwen-Image block in training on noise, of any size, on the engine in use: what bench/train-step.ts times, and what the
 * tests train twice to compare bits.
 */
import * as tf from '@tensorflow/tfjs-core';
import {
  AdamW,
  flatten,
  layoutOf,
  lossAndGradients,
  streamLoss,
  unflatten,
  weightSetOf,
} from '../lib/core/distil/index.ts';
import { goldenCheckpoint } from '../lib/core/model/golden-fill.ts';
import { disposeState, openTransformer, parseModelConfig } from '../lib/core/model/index.ts';
import { DEFAULT_DISTIL } from '../lib/core/run/index.ts';

/** As many as a sample of the bundled model has. */
export const TOKENS = { image: 64, text: 13, side: 8 } as const;

export interface BlockSize {
  readonly heads: number;
  readonly headDim: number;
  readonly ropeAxes: readonly [number, number, number];
  readonly batch: number;
}

export interface TrainingBlock {
  /** Forward, gradients of all weights, clipping, AdamW; resolves when it is done. */
  step(): Promise<void>;
  /** Still the block's own. */
  weights(): readonly tf.Tensor1D[];
}

export async function trainingBlock({ heads, headDim, ropeAxes, batch }: BlockSize): Promise<TrainingBlock> {
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
  const transformer = await openTransformer(config, goldenCheckpoint(config));
  const { state, context } = await transformer.begin({
    hiddenStates: new Float32Array(batch * TOKENS.image * config.inChannels).fill(0.5),
    imageTokens: TOKENS.image,
    encoderHiddenStates: new Float32Array(batch * TOKENS.text * config.textDim).fill(0.5),
    textTokens: TOKENS.text,
    mask: null,
    timestep: new Float32Array(batch).fill(0.5),
    imageShapes: [[1, TOKENS.side, TOKENS.side]],
    batch,
    extra: {},
  });
  disposeState(state);
  const normals = (tokens: number, seed: number) =>
    tf.randomNormal<tf.Rank.R3>([batch, tokens, config.width], 0, 1, 'float32', seed);
  const before = { image: normals(TOKENS.image, 1), text: normals(TOKENS.text, 2) };
  const after = { image: normals(TOKENS.image, 3), text: normals(TOKENS.text, 4) };

  const block = await transformer.readBlock(0);
  const layout = layoutOf(block.entries());
  // About the size of a trained block's weights.
  const start = flatten(new Map(block.entries()), layout).map((vector) => tf.mul(vector, 0.3) as tf.Tensor1D);
  block.dispose();
  transformer.dispose();
  const optimizer = AdamW.startingAt(start, layout, DEFAULT_DISTIL);
  let done = 0;
  return {
    async step() {
      const { losses, gradients } = lossAndGradients(optimizer.vectors.weights, (vectors) => {
        const weights = weightSetOf(unflatten(vectors, layout));
        const student = transformer.applyBlock(0, weights, before, context, 'updated');
        return {
          image: streamLoss(student.image!, after.image, null, DEFAULT_DISTIL),
          text: streamLoss(student.text!, after.text, null, DEFAULT_DISTIL),
        };
      });
      const norm = optimizer.step(gradients, ++done, 1e-4);
      await norm.data();
      tf.dispose([norm, ...Object.values(losses)]);
    },
    weights: () => optimizer.vectors.weights,
  };
}
