/**
 * Golden cases of FLUX.2: with guidance; without, as klein, with an odd MLP width; two samples with a reference image and
 * channels that go in and do not come out; one stack alone.
 */
import type { GoldenSpec } from '../family.ts';
import { GOLDEN_FL2_1_OUTPUT } from './golden-fl2-1-output.ts';
import { GOLDEN_FL2_2_OUTPUT } from './golden-fl2-2-output.ts';
import { GOLDEN_FL2_3_OUTPUT } from './golden-fl2-3-output.ts';

const CONFIG = {
  _class_name: 'Flux2Transformer2DModel',
  patch_size: 1,
  in_channels: 8,
  num_layers: 2,
  num_single_layers: 3,
  attention_head_dim: 16,
  num_attention_heads: 2,
  joint_attention_dim: 24,
  axes_dims_rope: [4, 4, 4, 4],
};
const INPUTS = {
  batch: 1,
  imageTokens: 15,
  textTokens: 7,
  mask: null,
  timestep: Float32Array.of(0.37),
  imageShapes: [[1, 3, 5]],
  guidance: 4,
} as const;

export const FLUX2_GOLDENS: readonly GoldenSpec[] = [
  { name: 'FL2-1', config: CONFIG, inputs: INPUTS, expected: GOLDEN_FL2_1_OUTPUT },
  {
    name: 'FL2-2',
    config: { ...CONFIG, guidance_embeds: false, mlp_ratio: 2.7, timestep_guidance_channels: 32, rope_theta: 300 },
    inputs: INPUTS,
    expected: GOLDEN_FL2_2_OUTPUT,
  },
  {
    name: 'FL2-3',
    config: { ...CONFIG, num_single_layers: 2, in_channels: 12, out_channels: 4, axes_dims_rope: [2, 6, 6, 2] },
    inputs: {
      batch: 2,
      imageTokens: 17,
      textTokens: 5,
      mask: null,
      timestep: Float32Array.of(0.37, 0.81),
      imageShapes: [
        [1, 3, 3],
        [1, 2, 4],
      ],
      guidance: 2.5,
    },
    expected: GOLDEN_FL2_3_OUTPUT,
  },
];
