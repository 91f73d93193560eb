/** Golden cases of FLUX.1: without and with guidance, and two samples of a model with extra input channels, as -Fill has them. */
import type { GoldenSpec } from '../family.ts';
import { GOLDEN_F1_OUTPUT } from './golden-f1-output.ts';
import { GOLDEN_F2_OUTPUT } from './golden-f2-output.ts';
import { GOLDEN_F3_OUTPUT } from './golden-f3-output.ts';

const CONFIG = {
  _class_name: 'FluxTransformer2DModel',
  patch_size: 1,
  in_channels: 4,
  num_layers: 1,
  num_single_layers: 1,
  attention_head_dim: 16,
  num_attention_heads: 2,
  joint_attention_dim: 32,
  pooled_projection_dim: 32,
  axes_dims_rope: [4, 4, 8],
};
const INPUTS = {
  batch: 1,
  imageTokens: 15,
  textTokens: 7,
  mask: null,
  timestep: Float32Array.of(0.37),
  imageShapes: [[1, 3, 5]],
  guidance: 1,
} as const;

export const FLUX_GOLDENS: readonly GoldenSpec[] = [
  { name: 'F1', config: CONFIG, inputs: INPUTS, expected: GOLDEN_F1_OUTPUT },
  {
    name: 'F2',
    config: { ...CONFIG, num_layers: 2, num_single_layers: 3, guidance_embeds: true },
    inputs: { ...INPUTS, guidance: 3.5 },
    expected: GOLDEN_F2_OUTPUT,
  },
  {
    name: 'F3',
    config: {
      ...CONFIG,
      num_layers: 2,
      num_single_layers: 2,
      guidance_embeds: true,
      in_channels: 12,
      out_channels: 4,
    },
    inputs: {
      batch: 2,
      imageTokens: 8,
      textTokens: 5,
      mask: null,
      timestep: Float32Array.of(0.37, 0.81),
      imageShapes: [[1, 2, 4]],
      guidance: 2,
    },
    expected: GOLDEN_F3_OUTPUT,
  },
];
