/** Stable Diffusion 3 and 3.5 as a family: diffusers' SD3Transformer2DModel. */
import type { RawConfig } from '../architecture.ts';
import type { Family } from '../family.ts';
import { NOMINAL } from '../nominal.ts';
import { isOwn, type KeptBlock, keptForms, OWN_READER, ownKeys } from '../own-forms.ts';
import { describeSD3, formAtEnd } from './blocks.ts';
import { parseSD3, type SD3Config } from './config.ts';
import { convertSD3 } from './convert.ts';
import { sd3Name } from './name.ts';

export const sd3: Family<SD3Config> = {
  ...sd3Name,
  classNames: ['SD3Transformer2DModel'],
  identity: {
    version: 1,
    configKeys: [
      '_class_name',
      'attention_head_dim',
      'caption_projection_dim',
      'dual_attention_layers',
      'in_channels',
      'joint_attention_dim',
      'num_attention_heads',
      'num_layers',
      'out_channels',
      'patch_size',
      'pooled_projection_dim',
      'pos_embed_max_size',
      'qk_norm',
      'sample_size',
    ],
    tensors: ['context_embedder.bias', 'proj_out.weight'],
    firstBlock: 'transformer_blocks.0.',
  },
  // 77 tokens of CLIP and 256 of T5, as the pipeline encodes by default.
  nominal: () => ({ ...NOMINAL, tokens: { ...NOMINAL.tokens, text: 77 + 256 } }),
  takesMask: false,
  timeScale: 1000,
  parse: parseSD3,
  describe: describeSD3,
  pictures: ({ channels, outChannels, patchSize, maxPatches }) => ({
    channels,
    outChannels,
    patchSize,
    maxPatches,
    limitedBy: 'pos_embed_max_size',
  }),
  prunedKeys: (config, kept) =>
    keysOf(
      config,
      kept.map((block) => ({ block, form: {} })),
    ),
  editedKeys: (config, kept) => ({ keys: keysOf(config, kept) }),
  readerOf: ({ narrow }) => (isOwn(narrow) ? OWN_READER : null),
  convertBlock: convertSD3,
  extraInputs: ({ pooledDim }) => [
    { name: 'pooled_projections', perSample: true, source: 'pooled-text', shape: () => [pooledDim] },
  ],
  async originalLayouts() {
    return (await import('./original.ts')).SD3_LAYOUTS;
  },
  async open(config, weights) {
    const { openSD3 } = await import('./transformer.ts');
    return openSD3(config, weights);
  },
  async goldens() {
    return (await import('./goldens.ts')).SD3_GOLDENS;
  },
};

/** Of the blocks that stay, some in other forms. */
function keysOf({ narrow, dualAttention }: SD3Config, kept: readonly KeptBlock[]): RawConfig {
  const forms = keptForms(narrow, kept);
  return {
    num_layers: kept.length,
    dual_attention_layers: kept.flatMap(({ block }, place) => (dualAttention.has(block.index) ? [place] : [])),
    ...ownKeys(
      narrow,
      forms.map((form, place) => (place === kept.length - 1 ? formAtEnd(form) : form)),
    ),
  };
}
