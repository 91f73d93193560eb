/** Qwen-Image as a family: diffusers' QwenImageTransformer2DModel (numerics of 0.37 and later). */
import type { Family } from '../family.ts';
import { describeQwenImage } from './blocks.ts';
import { parseQwenImage, type QwenImageConfig } from './config.ts';
import { QWEN_IMAGE_LAYOUTS } from './original.ts';

export const qwenImage: Family<QwenImageConfig> = {
  name: 'qwen-image',
  label: 'Qwen-Image',
  classNames: ['QwenImageTransformer2DModel'],
  identity: {
    version: 1,
    configKeys: [
      '_class_name',
      'attention_head_dim',
      'axes_dims_rope',
      'in_channels',
      'joint_attention_dim',
      'num_attention_heads',
      'num_layers',
      'out_channels',
      'patch_size',
    ],
    tensors: ['img_in.weight', 'proj_out.weight'],
    firstBlock: 'transformer_blocks.0.',
  },
  nominal: { tokens: { image: 64 * 64, text: 512 }, picture: '1024 × 1024' },
  takesMask: true,
  timeScale: 1,
  parse: parseQwenImage,
  originalLayouts: QWEN_IMAGE_LAYOUTS,
  describe: describeQwenImage,
  prunedKeys: (_, kept) => ({ num_layers: kept.length }),
  extraInputs: () => [],
  async open(config, weights) {
    const { openQwenImage } = await import('./transformer.ts');
    return openQwenImage(config, weights);
  },
  async goldens() {
    return (await import('./goldens.ts')).QWEN_IMAGE_GOLDENS;
  },
};
