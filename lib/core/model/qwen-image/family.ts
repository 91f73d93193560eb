/** Qwen-Image, Qwen-Image-Edit and Qwen-Image-Layered as a family: diffusers' QwenImageTransformer2DModel (numerics of 0.37 and later). */
import type { Family } from '../family.ts';
import { keptGroups, sharedModulationKeys } from '../shared-modulation.ts';
import { describeQwenImage } from './blocks.ts';
import { parseQwenImage, type QwenImageConfig } from './config.ts';
import { calibrationProblem, layoutProblem, nominalLayout, syntheticImages } from './layout.ts';
import { qwenImageName } from './name.ts';
import { TIME_CONDITION } from './time-condition.ts';
import { editedKeys, readerOf } from './width-keys.ts';
import { formOf, isNarrow, widthKeys } from './width-lists.ts';

export const qwenImage: Family<QwenImageConfig> = {
  ...qwenImageName,
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
    switches: ['use_additional_t_cond', 'use_layer3d_rope', 'zero_cond_t'],
    options: ['shared_modulation'],
    tensors: ['img_in.weight', 'proj_out.weight'],
    firstBlock: 'transformer_blocks.0.',
  },
  nominal: nominalLayout,
  syntheticImages,
  takesMask: true,
  timeScale: 1,
  alwaysTimesteps: ({ zeroTimeReferences }) => (zeroTimeReferences ? [0] : []),
  parse: parseQwenImage,
  describe: describeQwenImage,
  editedKeys,
  readerOf,
  prunedKeys: ({ narrow, modulations }, kept) => ({
    num_layers: kept.length,
    ...sharedModulationKeys(
      keptGroups(
        modulations,
        kept.map(({ index }) => index),
      ),
    ),
    ...(isNarrow(narrow) ? widthKeys(kept.map(({ index }) => formOf(narrow, index))) : {}),
  }),
  extraInputs: ({ additionalTimeCondition }) =>
    additionalTimeCondition
      ? [
          {
            name: TIME_CONDITION.input,
            perSample: true,
            source: 'category',
            categories: TIME_CONDITION.rows,
            shape: () => [],
          },
        ]
      : [],
  refusedInputs: () => ({
    guidance:
      'The class stores no guidance embedder, whatever `guidance_embeds` says: with a guidance diffusers raises a TypeError.',
  }),
  layoutProblem,
  calibrationProblem,
  async originalLayouts() {
    return (await import('./original.ts')).QWEN_IMAGE_LAYOUTS;
  },
  async open(config, weights) {
    const { openQwenImage } = await import('./transformer.ts');
    return openQwenImage(config, weights);
  },
  async goldens() {
    return (await import('./goldens.ts')).QWEN_IMAGE_GOLDENS;
  },
};
