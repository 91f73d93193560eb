/**
 * A transformer of no family, with whatever streams a test declares: what holds of it holds of every model that declares
 * its streams, not of image and text alone. Each stream is carried by itself: x + gelu(linear(x)) per block.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Calibration } from '../core/capture/index.ts';
import { checkpointOf } from '../core/checkpoint/inventory.ts';
import type { Checkpoint, TensorInfo } from '../core/checkpoint/types.ts';
import {
  type Architecture,
  linearTensors,
  type ModelConfig,
  type ModelStream,
  stackOf,
} from '../core/model/architecture.ts';
import { createTransformer } from '../core/model/block-transformer.ts';
import { gelu } from '../core/model/fused-gradients.ts';
import { elementsOf, streamMask, streamTokens, type Transformer, type TransformerInputs } from '../core/model/index.ts';
import { linear } from '../core/model/layers.ts';
import { WeightStore } from '../core/model/weights.ts';
import { seededRandom } from '../core/random.ts';

export const TOY_WIDTH = 8;

export interface ToyModel {
  /** The first is the output. */
  readonly streams: readonly ModelStream[];
  /** Streams that each block updates. */
  readonly updates: readonly (readonly string[])[];
}

export function toyTransformer({ streams, updates }: ToyModel): Transformer {
  const { stack, blocks } = stackOf(
    { id: 'toy', label: 'toy blocks', prefix: 'blocks.', first: 0 },
    updates.length,
    (index) => ({
      kind: 'toy',
      updates: updates[index]!,
      tensors: streams.flatMap(({ id }) => linearTensors(id, TOY_WIDTH, TOY_WIDTH)),
      flops: () => 0,
    }),
  );
  const output = streams[0]!.id;
  const architecture: Architecture = { streams, output, stacks: [stack], blocks, globals: [], globalFlops: () => 0 };
  const size = { width: TOY_WIDTH, headDim: TOY_WIDTH, textDim: TOY_WIDTH, inChannels: TOY_WIDTH };
  const config: ModelConfig = {
    family: 'toy',
    className: 'ToyTransformer',
    numBlocks: blocks.length,
    ...size,
    numHeads: 1,
    outputFeatures: TOY_WIDTH,
    raw: {},
  };
  const weights = new WeightStore(toyCheckpoint(architecture), architecture, Number.POSITIVE_INFINITY);
  return createTransformer(config, architecture, weights, {
    begin: ({ batch }) => ({ batch }),
    embed: (inputs) => Object.fromEntries(streams.map((stream, i) => [stream.id, embedded(inputs, stream, i)])),
    runBlock: (_, block, state, __, updated) =>
      Object.fromEntries(
        streams.map(({ id }) => {
          const x = state[id]!;
          return [id, updated.includes(id) ? tf.add(x, gelu(linear(x, block.linear(id)))) : x];
        }),
      ),
    project: (state) => tf.clone(state[output]!),
    dispose: () => {},
  });
}

/** Streams that carry the tokens of one argument differ by their scale. */
function embedded(inputs: TransformerInputs, stream: ModelStream, place: number): tf.Tensor3D {
  const values = stream.input === 'hidden_states' ? inputs.hiddenStates : inputs.encoderHiddenStates;
  return tf.mul(tf.tensor3d(values, [inputs.batch, streamTokens(inputs, stream), TOY_WIDTH]), 1 + place / 4);
}

function toyCheckpoint({ blocks }: Architecture): Checkpoint {
  const random = seededRandom(3);
  const file = 'toy.safetensors';
  const tensors = new Map<string, TensorInfo>();
  const parts: Float32Array<ArrayBuffer>[] = [];
  let start = 0;
  for (const { prefix, tensors: specs } of blocks) {
    for (const { name, shape } of specs) {
      const values = Float32Array.from({ length: elementsOf(shape) }, () => 0.2 * random.normal());
      const end = start + values.byteLength;
      tensors.set(`${prefix}${name}`, { name: `${prefix}${name}`, dtype: 'F32', shape, file, start, end });
      parts.push(values);
      start = end;
    }
  }
  return checkpointOf(new Map([[file, new Blob(parts)]]), tensors, new Map());
}

const IMAGE_TOKENS = 6;
const TEXT_TOKENS = 5;

/** Seeded noise; of the text, each sample has 3 to 5 valid tokens. */
export function toyInputs(batch: number, seed = 1): TransformerInputs {
  const random = seededRandom(seed);
  const normals = (tokens: number) => Float32Array.from({ length: batch * tokens * TOY_WIDTH }, () => random.normal());
  return {
    batch,
    imageTokens: IMAGE_TOKENS,
    textTokens: TEXT_TOKENS,
    imageShapes: null,
    hiddenStates: normals(IMAGE_TOKENS),
    encoderHiddenStates: normals(TEXT_TOKENS),
    timestep: new Float32Array(batch).fill(0.5),
    mask: Uint8Array.from({ length: batch * TEXT_TOKENS }, (_, i) =>
      i % TEXT_TOKENS < 3 + (Math.floor(i / TEXT_TOKENS) % 3) ? 1 : 0,
    ),
    extra: {},
  };
}

export function toyCalibration({ architecture }: Transformer, samples: number): Calibration {
  const inputs = toyInputs(samples);
  const rowsOf = (stream: ModelStream): Uint32Array => {
    const [tokens, mask] = [streamTokens(inputs, stream), streamMask(inputs, stream)];
    const all = Uint32Array.from({ length: samples * tokens }, (_, row) => Math.floor(row / tokens));
    return mask ? all.filter((_, row) => mask[row]) : all;
  };
  return {
    facts: { kind: 'synthetic', label: 'toy inputs', seed: 1, file: null, samples, timesteps: [0.5] },
    batches: [inputs],
    rows: Object.fromEntries(architecture.streams.map((stream) => [stream.id, rowsOf(stream)])),
    groups: Uint32Array.from({ length: samples }, (_, sample) => sample),
    levels: new Float64Array(samples).fill(0.5),
  };
}
