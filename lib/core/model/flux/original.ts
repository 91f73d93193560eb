/**
 * FLUX.1 in single files: Black Forest Labs' names (github.com/black-forest-labs/flux), and diffusers' own names.
 * Rows of fused matrices: qkv is q, k, v; `linear1` of a single block is q, k, v and the MLP. The final layer's modulation
 * is shift, scale there and scale, shift in diffusers. The same mapping as diffusers' single_file_utils.
 */
import type { RawConfig } from '../architecture.ts';
import { blocksOf, headsOf, refuseHeadDim, sideOf } from '../layout-shapes.ts';
import {
  type LayoutTensors,
  type OriginalLayout,
  swappedHalves,
  type TensorSource,
  thirdOf,
} from '../original-layout.ts';
import type { FluxConfig } from './config.ts';

const HEAD_DIM = 128;

const EMBEDDERS: Readonly<Record<string, string>> = {
  'time_text_embed.timestep_embedder.linear_1': 'time_in.in_layer',
  'time_text_embed.timestep_embedder.linear_2': 'time_in.out_layer',
  'time_text_embed.guidance_embedder.linear_1': 'guidance_in.in_layer',
  'time_text_embed.guidance_embedder.linear_2': 'guidance_in.out_layer',
  'time_text_embed.text_embedder.linear_1': 'vector_in.in_layer',
  'time_text_embed.text_embedder.linear_2': 'vector_in.out_layer',
  context_embedder: 'txt_in',
  x_embedder: 'img_in',
  proj_out: 'final_layer.linear',
};

/** A layer of a block, and which third of a fused matrix it is. */
const DUAL: Readonly<Record<string, string | readonly [string, number]>> = {
  'norm1.linear': 'img_mod.lin',
  'norm1_context.linear': 'txt_mod.lin',
  'attn.to_q': ['img_attn.qkv', 0],
  'attn.to_k': ['img_attn.qkv', 1],
  'attn.to_v': ['img_attn.qkv', 2],
  'attn.add_q_proj': ['txt_attn.qkv', 0],
  'attn.add_k_proj': ['txt_attn.qkv', 1],
  'attn.add_v_proj': ['txt_attn.qkv', 2],
  'attn.to_out.0': 'img_attn.proj',
  'attn.to_add_out': 'txt_attn.proj',
  'ff.net.0.proj': 'img_mlp.0',
  'ff.net.2': 'img_mlp.2',
  'ff_context.net.0.proj': 'txt_mlp.0',
  'ff_context.net.2': 'txt_mlp.2',
};
const SINGLE: Readonly<Record<string, string | readonly [string, number]>> = {
  'norm.linear': 'modulation.lin',
  'attn.to_q': ['linear1', 0],
  'attn.to_k': ['linear1', 1],
  'attn.to_v': ['linear1', 2],
  proj_out: 'linear2',
};
/** Vectors, which are called `scale` there. */
const DUAL_GAINS: Readonly<Record<string, string>> = {
  'attn.norm_q': 'img_attn.norm.query_norm',
  'attn.norm_k': 'img_attn.norm.key_norm',
  'attn.norm_added_q': 'txt_attn.norm.query_norm',
  'attn.norm_added_k': 'txt_attn.norm.key_norm',
};
const SINGLE_GAINS: Readonly<Record<string, string>> = {
  'attn.norm_q': 'norm.query_norm',
  'attn.norm_k': 'norm.key_norm',
};

const blackForestLabs: OriginalLayout<FluxConfig> = {
  label: 'FLUX.1 in the layout of Black Forest Labs',
  keys: ['double_blocks.0.img_attn.qkv.weight', 'double_blocks.0.img_mod.lin.weight', 'vector_in.in_layer.weight'],
  blockLists: ['double_blocks.', 'single_blocks.'],
  // HunyuanVideo.
  without: ['txt_in.individual_token_refiner.blocks.0.norm1.weight'],
  config(tensors, file) {
    return fluxConfig(tensors, file, {
      width: 'img_in.weight',
      text: 'txt_in.weight',
      pooled: 'vector_in.in_layer.weight',
      guidance: 'guidance_in.in_layer.weight',
      head: 'double_blocks.0.img_attn.norm.query_norm.scale',
      out: 'final_layer.linear.weight',
      dual: blocksOf(tensors, 'double_blocks.', 'img_attn.qkv.weight'),
      single: blocksOf(tensors, 'single_blocks.', 'linear1.weight'),
    });
  },
  source(name, config) {
    const { width: D } = config;
    const [, stack, index, layer = name, kind = ''] =
      /^(?:(transformer_blocks|single_transformer_blocks)\.(\d+)\.)?(.+)\.(weight|bias)$/.exec(name) ?? [];
    if (stack === undefined) {
      if (layer === 'norm_out.linear') {
        return { name: `final_layer.adaLN_modulation.1.${kind}`, rows: swappedHalves(D) };
      }
      return { name: `${EMBEDDERS[layer] ?? layer}.${kind}` };
    }
    const isDual = stack === 'transformer_blocks';
    const block = `${isDual ? 'double_blocks' : 'single_blocks'}.${index}`;
    const gain = (isDual ? DUAL_GAINS : SINGLE_GAINS)[layer];
    if (gain !== undefined) return { name: `${block}.${gain}.scale` };
    if (!isDual && layer === 'proj_mlp') return { name: `${block}.linear1.${kind}`, rows: [[3 * D, 7 * D]] };
    const source = (isDual ? DUAL : SINGLE)[layer];
    if (source === undefined || typeof source === 'string') return { name: `${block}.${source ?? layer}.${kind}` };
    const [fused, third] = source;
    return { name: `${block}.${fused}.${kind}`, rows: thirdOf(third, D) };
  },
};

const diffusersNames: OriginalLayout<FluxConfig> = {
  label: 'FLUX.1 in the names of diffusers',
  keys: [
    'single_transformer_blocks.0.proj_mlp.weight',
    'transformer_blocks.0.norm1_context.linear.weight',
    'time_text_embed.text_embedder.linear_1.weight',
  ],
  blockLists: ['transformer_blocks.', 'single_transformer_blocks.'],
  config(tensors, file) {
    return fluxConfig(tensors, file, {
      width: 'x_embedder.weight',
      text: 'context_embedder.weight',
      pooled: 'time_text_embed.text_embedder.linear_1.weight',
      guidance: 'time_text_embed.guidance_embedder.linear_1.weight',
      head: 'transformer_blocks.0.attn.norm_q.weight',
      out: 'proj_out.weight',
      dual: blocksOf(tensors, 'transformer_blocks.', 'norm1.linear.weight'),
      single: blocksOf(tensors, 'single_transformer_blocks.', 'proj_mlp.weight'),
    });
  },
  source: (name): TensorSource => ({ name }),
};

export const FLUX_LAYOUTS: readonly OriginalLayout<FluxConfig>[] = [blackForestLabs, diffusersNames];

interface Where {
  readonly width: string;
  readonly text: string;
  readonly pooled: string;
  readonly guidance: string;
  readonly head: string;
  readonly out: string;
  readonly dual: number;
  readonly single: number;
}

/** The keys of FLUX.1-dev's own config.json. */
function fluxConfig(tensors: LayoutTensors, file: string, where: Where): RawConfig {
  const width = sideOf(tensors, where.width, 0, file);
  const inChannels = sideOf(tensors, where.width, 1, file);
  const outChannels = sideOf(tensors, where.out, 0, file);
  const headDim = sideOf(tensors, where.head, 0, file);
  refuseHeadDim(headDim, HEAD_DIM, where.head, file);
  return {
    _class_name: 'FluxTransformer2DModel',
    attention_head_dim: headDim,
    guidance_embeds: tensors.has(where.guidance),
    in_channels: inChannels,
    joint_attention_dim: sideOf(tensors, where.text, 1, file),
    num_attention_heads: headsOf(width, headDim, where.width, file),
    num_layers: where.dual,
    num_single_layers: where.single,
    ...(outChannels === inChannels ? {} : { out_channels: outChannels }),
    patch_size: 1,
    pooled_projection_dim: sideOf(tensors, where.pooled, 1, file),
  };
}
