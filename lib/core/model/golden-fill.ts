/**
 * Weights and inputs that are a hash of their place, so that any implementation in any language can be compared without
 * sharing a file. Cases Q1 and Q2 (two samples, odd sides, a mask) are small enough to be run on whatever engine a user
 * has, as its self check; their expected outputs are diffusers'.
 */
import { checkpointOf } from '../checkpoint/inventory.ts';
import type { Checkpoint, TensorInfo } from '../checkpoint/types.ts';
import { type ModelConfig, parseModelConfig } from './config.ts';
import { expectedTensors } from './cost.ts';
import { GOLDEN_Q1_OUTPUT } from './golden-q1-output.ts';
import { GOLDEN_Q2_OUTPUT } from './golden-q2-output.ts';
import type { TransformerInputs } from './transformer.ts';

const HIDDEN_INDEX = 1000;
const TEXT_INDEX = 1001;
const WEIGHT_AMPLITUDE = 0.2;
const CENTRED_ON_ONE = new Set(['norm_q', 'norm_k', 'norm_added_q', 'norm_added_k', 'txt_norm']);

/** Element `k` of tensor `tensor`, in [−1, 1). */
export function goldenValue(k: number, tensor: number): number {
  let h = Math.imul(k + 1, 0x9e3779b1) ^ Math.imul(tensor + 1, 0x85ebca77);
  h ^= h >>> 16;
  h = Math.imul(h, 0x7feb352d);
  h ^= h >>> 15;
  h = Math.imul(h, 0x846ca68b);
  h ^= h >>> 16;
  return ((h >>> 0) / 2 ** 32) * 2 - 1;
}

function goldenInput(length: number, tensor: number): Float32Array {
  return Float32Array.from({ length }, (_, k) => goldenValue(k, tensor));
}

/** A whole checkpoint in memory; a tensor's index is its place among all names, sorted by code point. */
export function goldenCheckpoint(config: ModelConfig): Checkpoint {
  const file = 'golden.safetensors';
  const tensors = new Map<string, TensorInfo>();
  const parts: Float32Array<ArrayBuffer>[] = [];
  let position = 0;
  expectedTensors(config)
    .toSorted((x, y) => (x.name < y.name ? -1 : 1))
    .forEach(({ name, shape }, index) => {
      const length = shape.reduce((product, n) => product * n, 1);
      const base = CENTRED_ON_ONE.has(name.split('.').at(-2) ?? '') ? 1 : 0;
      parts.push(Float32Array.from({ length }, (_, k) => base + Math.fround(WEIGHT_AMPLITUDE * goldenValue(k, index))));
      tensors.set(name, { name, dtype: 'F32', shape, file, start: position, end: position + 4 * length });
      position += 4 * length;
    });
  return checkpointOf(new Map([[file, new Blob(parts)]]), tensors, new Map());
}

export interface GoldenCase {
  readonly config: ModelConfig;
  readonly checkpoint: Checkpoint;
  readonly inputs: TransformerInputs;
}

type GoldenModel = Pick<GoldenCase, 'config' | 'checkpoint'>;

function goldenModel(): GoldenModel {
  const config = parseModelConfig(JSON.stringify(GOLDEN_CONFIG), 'golden/config.json');
  return { config, checkpoint: goldenCheckpoint(config) };
}

function goldenCase(
  shape: Pick<TransformerInputs, 'batch' | 'imageTokens' | 'textTokens' | 'mask' | 'timestep' | 'imageShapes'>,
  { config, checkpoint }: GoldenModel,
): GoldenCase {
  const { batch, imageTokens, textTokens } = shape;
  return {
    config,
    checkpoint,
    inputs: {
      ...shape,
      hiddenStates: goldenInput(batch * imageTokens * config.inChannels, HIDDEN_INDEX),
      encoderHiddenStates: goldenInput(batch * textTokens * config.textDim, TEXT_INDEX),
    },
  };
}

const GOLDEN_CONFIG = {
  _class_name: 'QwenImageTransformer2DModel',
  patch_size: 2,
  in_channels: 16,
  out_channels: 4,
  num_layers: 2,
  attention_head_dim: 16,
  num_attention_heads: 4,
  joint_attention_dim: 16,
  axes_dims_rope: [8, 4, 4],
};

/** Compare with `expected` to `tolerance`·max(1, |expected|). */
export interface CheckedCase extends GoldenCase {
  readonly expected: Float32Array;
  readonly tolerance: number;
}
const TOLERANCE = 2e-4;

export function goldenQ1(model = goldenModel()): CheckedCase {
  const shape = {
    batch: 1,
    imageTokens: 16,
    textTokens: 8,
    mask: null,
    timestep: Float32Array.of(0.37),
    imageShapes: [[1, 4, 4]],
  } as const;
  return { ...goldenCase(shape, model), expected: Float32Array.from(GOLDEN_Q1_OUTPUT), tolerance: TOLERANCE };
}

/** Of the same model as Q1, which may be handed in, so that its weights are made once. */
export function goldenQ2(model = goldenModel()): CheckedCase {
  const shape = {
    batch: 2,
    imageTokens: 15,
    textTokens: 8,
    mask: Uint8Array.of(1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1),
    timestep: Float32Array.of(0.37, 0.81),
    imageShapes: [[1, 3, 5]],
  } as const;
  return { ...goldenCase(shape, model), expected: Float32Array.from(GOLDEN_Q2_OUTPUT), tolerance: TOLERANCE };
}
