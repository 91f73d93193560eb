/**
 * Golden cases of Qwen-Image in all its forms: one sample; two samples with odd sides and a mask; Edit; Layered; a plain model on
 * whatever else diffusers runs; both forms' options at once; and PPCL's class with its narrower blocks.
 */
import type { GoldenSpec } from '../family.ts';
import { type GoldenCase, type GoldenModel, goldenCase } from '../golden-fill.ts';
import type { ImageShape } from '../transformer.ts';
import { GOLDEN_P1_OUTPUT } from './golden-p1-output.ts';
import { GOLDEN_P2_OUTPUT } from './golden-p2-output.ts';
import { GOLDEN_Q1_OUTPUT } from './golden-q1-output.ts';
import { GOLDEN_Q2_OUTPUT } from './golden-q2-output.ts';
import { GOLDEN_Q3_OUTPUT } from './golden-q3-output.ts';
import { GOLDEN_Q4_OUTPUT } from './golden-q4-output.ts';
import { GOLDEN_Q5_OUTPUT } from './golden-q5-output.ts';
import { GOLDEN_Q6_OUTPUT } from './golden-q6-output.ts';

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

const EDIT_IMAGES: readonly ImageShape[] = [
  [1, 3, 4],
  [1, 2, 2],
  [1, 1, 3],
];
const EDIT: GoldenSpec = {
  name: 'Q3',
  config: { ...CONFIG, zero_cond_t: true },
  inputs: {
    batch: 2,
    imageTokens: 19,
    textTokens: 6,
    mask: Uint8Array.of(1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1),
    timestep: Float32Array.of(0.37, 0.81),
    imageShapes: EDIT_IMAGES,
    // Positions are those of the first sample, references those of each.
    shapesOfSamples: [
      EDIT_IMAGES,
      [
        [1, 2, 2],
        [1, 3, 4],
        [1, 1, 3],
      ],
    ],
    guidance: 1,
  },
  expected: GOLDEN_Q3_OUTPUT,
};
const LAYERED: GoldenSpec = {
  name: 'Q4',
  config: { ...CONFIG, use_layer3d_rope: true, use_additional_t_cond: true },
  inputs: {
    batch: 2,
    imageTokens: 22,
    textTokens: 5,
    mask: null,
    timestep: Float32Array.of(0.37, 0.81),
    imageShapes: [
      [1, 2, 3],
      [1, 2, 3],
      [1, 2, 3],
      [1, 4, 1],
    ],
    guidance: 1,
    extra: { additional_t_cond: [0, 1] },
  },
  expected: GOLDEN_Q4_OUTPUT,
};
const ANYTHING: GoldenSpec = {
  name: 'Q5',
  config: { ...CONFIG, guidance_embeds: true },
  inputs: {
    batch: 2,
    imageTokens: 13,
    textTokens: 6,
    mask: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 1, 0),
    timestep: Float32Array.of(1.25, -0.5),
    imageShapes: [
      [1, 3, 3],
      [2, 1, 2],
    ],
    guidance: 1,
  },
  expected: GOLDEN_Q5_OUTPUT,
};
const BOTH: GoldenSpec = {
  name: 'Q6',
  config: { ...CONFIG, zero_cond_t: true, use_layer3d_rope: true, use_additional_t_cond: true },
  inputs: {
    batch: 1,
    imageTokens: 14,
    textTokens: 5,
    mask: null,
    timestep: Float32Array.of(0.81),
    imageShapes: [
      [1, 2, 3],
      [1, 1, 4],
      [1, 2, 2],
    ],
    guidance: 1,
    extra: { additional_t_cond: [1] },
  },
  expected: GOLDEN_Q6_OUTPUT,
};

const NARROW: GoldenSpec = {
  name: 'P1',
  config: { ...CONFIG, num_layers: 5, single_stream_index: [1, 2, 4], ffn_proj_index: [0, 2], ehs_proj_index: [2] },
  inputs: {
    batch: 1,
    imageTokens: 15,
    textTokens: 8,
    mask: null,
    timestep: Float32Array.of(0.37),
    imageShapes: [[1, 3, 5]],
    guidance: 1,
  },
  expected: GOLDEN_P1_OUTPUT,
};
const NARROWER: GoldenSpec = {
  name: 'P2',
  config: {
    ...CONFIG,
    num_layers: 6,
    single_stream_index: [1, 3, 4],
    ffn_proj_index: [1, 4, 5],
    ehs_proj_index: [1, 4],
  },
  inputs: {
    batch: 2,
    imageTokens: 13,
    textTokens: 5,
    mask: null,
    timestep: Float32Array.of(0.37, 0.81),
    imageShapes: [
      [1, 3, 3],
      [1, 2, 2],
    ],
    guidance: 1,
  },
  expected: GOLDEN_P2_OUTPUT,
};

export const QWEN_IMAGE_GOLDENS: readonly GoldenSpec[] = [Q1, Q2, EDIT, LAYERED, ANYTHING, BOTH, NARROW, NARROWER];

export const goldenQ1 = (model?: GoldenModel): GoldenCase => goldenCase(Q1, model);
export const goldenQ2 = (model?: GoldenModel): GoldenCase => goldenCase(Q2, model);
export const goldenEdit = (model?: GoldenModel): GoldenCase => goldenCase(EDIT, model);
export const goldenNarrow = (model?: GoldenModel): GoldenCase => goldenCase(NARROW, model);
export const goldenNarrower = (model?: GoldenModel): GoldenCase => goldenCase(NARROWER, model);
export const goldenLayered = (model?: GoldenModel): GoldenCase => goldenCase(LAYERED, model);
