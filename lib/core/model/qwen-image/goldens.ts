/** Golden cases of Qwen-Image: one sample, and two samples with odd sides and a mask. */
import type { GoldenSpec } from '../family.ts';
import { type GoldenCase, type GoldenModel, goldenCase } from '../golden-fill.ts';
import { GOLDEN_Q1_OUTPUT } from './golden-q1-output.ts';
import { GOLDEN_Q2_OUTPUT } from './golden-q2-output.ts';

const CONFIG = {
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

const Q1: GoldenSpec = {
  name: 'Q1',
  config: CONFIG,
  inputs: {
    batch: 1,
    imageTokens: 16,
    textTokens: 8,
    mask: null,
    timestep: Float32Array.of(0.37),
    imageShapes: [[1, 4, 4]],
    guidance: 1,
  },
  expected: GOLDEN_Q1_OUTPUT,
};
const Q2: GoldenSpec = {
  name: 'Q2',
  config: CONFIG,
  inputs: {
    batch: 2,
    imageTokens: 15,
    textTokens: 8,
    mask: Uint8Array.of(1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1),
    timestep: Float32Array.of(0.37, 0.81),
    imageShapes: [[1, 3, 5]],
    guidance: 1,
  },
  expected: GOLDEN_Q2_OUTPUT,
};

export const QWEN_IMAGE_GOLDENS: readonly GoldenSpec[] = [Q1, Q2];

export const goldenQ1 = (model?: GoldenModel): GoldenCase => goldenCase(Q1, model);
export const goldenQ2 = (model?: GoldenModel): GoldenCase => goldenCase(Q2, model);
