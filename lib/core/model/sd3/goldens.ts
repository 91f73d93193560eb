/**
 * Golden cases of SD3: as SD3-medium is built, as SD3.5 is, with dual attention in two blocks of patches of four pixels, and with
 * a last block of dual attention that gives fewer channels than go in.
 */
import type { GoldenSpec } from '../family.ts';
import { GOLDEN_S1_OUTPUT } from './golden-s1-output.ts';
import { GOLDEN_S2_OUTPUT } from './golden-s2-output.ts';
import { GOLDEN_S3_OUTPUT } from './golden-s3-output.ts';
import { GOLDEN_S4_OUTPUT } from './golden-s4-output.ts';

const CONFIG = {
  _class_name: 'SD3Transformer2DModel',
  sample_size: 32,
  patch_size: 1,
  in_channels: 4,
  num_layers: 4,
  attention_head_dim: 8,
  num_attention_heads: 4,
  joint_attention_dim: 32,
  caption_projection_dim: 32,
  pooled_projection_dim: 64,
  out_channels: 4,
};
/** Noise levels; the family's time is a thousand times that. */
const [ONE, TWO] = [Float32Array.of(0.37), Float32Array.of(0.37, 0.81)];
const INPUTS = {
  batch: 1,
  imageTokens: 24,
  textTokens: 7,
  mask: null,
  timestep: ONE,
  imageShapes: [[1, 4, 6]],
  guidance: 1,
} as const;

export const SD3_GOLDENS: readonly GoldenSpec[] = [
  { name: 'S1', config: CONFIG, inputs: INPUTS, expected: GOLDEN_S1_OUTPUT },
  {
    name: 'S2',
    config: { ...CONFIG, qk_norm: 'rms_norm', dual_attention_layers: [0] },
    inputs: INPUTS,
    expected: GOLDEN_S2_OUTPUT,
  },
  {
    name: 'S3',
    config: { ...CONFIG, patch_size: 2, qk_norm: 'rms_norm', dual_attention_layers: [0, 2] },
    inputs: { ...INPUTS, batch: 2, imageTokens: 15, timestep: TWO, imageShapes: [[1, 3, 5]] },
    expected: GOLDEN_S3_OUTPUT,
  },
  {
    name: 'S4',
    config: { ...CONFIG, patch_size: 2, out_channels: 3, dual_attention_layers: [1, 3], pos_embed_max_size: 5 },
    inputs: { ...INPUTS, batch: 2, imageTokens: 6, textTokens: 5, timestep: TWO, imageShapes: [[1, 3, 2]] },
    expected: GOLDEN_S4_OUTPUT,
  },
];
