/**
 * FLUX.2 in single files: Black Forest Labs' names (github.com/black-forest-labs/flux2), and diffusers' own names. Rows of the
 * fused qkv of a dual-stream block are q, k, v; a single-stream block's `linear1` and `linear2` are fused in diffusers too.
 * The final layer's modulation is shift, scale there and scale, shift in diffusers. The same mapping as diffusers'
 * single_file_utils. FLUX.1 has blocks of the same names; the three layers that modulate all blocks tell FLUX.2.
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
import type { Flux2Config } from './config.ts';

const HEAD_DIM = 128;

const GLOBALS: Readonly<Record<string, string>> = {
  'time_guidance_embed.timestep_embedder.linear_1': 'time_in.in_layer',
  'time_guidance_embed.timestep_embedder.linear_2': 'time_in.out_layer',
  'time_guidance_embed.guidance_embedder.linear_1': 'guidance_in.in_layer',
  'time_guidance_embed.guidance_embedder.linear_2': 'guidance_in.out_layer',
  'double_stream_modulation_img.linear': 'double_stream_modulation_img.lin',
  'double_stream_modulation_txt.linear': 'double_stream_modulation_txt.lin',
  'single_stream_modulation.linear': 'single_stream_modulation.lin',
  context_embedder: 'txt_in',
  x_embedder: 'img_in',
  proj_out: 'final_layer.linear',
};

/** A tensor of a block, and which third of a fused matrix it is. */
const DUAL: Readonly<Record<string, string | readonly [string, number]>> = {
  'attn.to_q.weight': ['img_attn.qkv.weight', 0],
  'attn.to_k.weight': ['img_attn.qkv.weight', 1],
  'attn.to_v.weight': ['img_attn.qkv.weight', 2],
  'attn.add_q_proj.weight': ['txt_attn.qkv.weight', 0],
  'attn.add_k_proj.weight': ['txt_attn.qkv.weight', 1],
  'attn.add_v_proj.weight': ['txt_attn.qkv.weight', 2],
  'attn.to_out.0.weight': 'img_attn.proj.weight',
  'attn.to_add_out.weight': 'txt_attn.proj.weight',
  'attn.norm_q.weight': 'img_attn.norm.query_norm.scale',
  'attn.norm_k.weight': 'img_attn.norm.key_norm.scale',
  'attn.norm_added_q.weight': 'txt_attn.norm.query_norm.scale',
  'attn.norm_added_k.weight': 'txt_attn.norm.key_norm.scale',
  'ff.linear_in.weight': 'img_mlp.0.weight',
  'ff.linear_out.weight': 'img_mlp.2.weight',
  'ff_context.linear_in.weight': 'txt_mlp.0.weight',
  'ff_context.linear_out.weight': 'txt_mlp.2.weight',
};
const SINGLE: Readonly<Record<string, string>> = {
  'attn.to_qkv_mlp_proj.weight': 'linear1.weight',
  'attn.to_out.weight': 'linear2.weight',
  'attn.norm_q.weight': 'norm.query_norm.scale',
  'attn.norm_k.weight': 'norm.key_norm.scale',
};

const blackForestLabs: OriginalLayout<Flux2Config> = {
  label: 'FLUX.2 in the layout of Black Forest Labs',
  keys: ['double_stream_modulation_img.lin.weight', 'single_stream_modulation.lin.weight', 'img_in.weight'],
  blockLists: ['double_blocks.', 'single_blocks.'],
  config(tensors, file) {
    return flux2Config(tensors, file, {
      width: 'img_in.weight',
      text: 'txt_in.weight',
      time: 'time_in.in_layer.weight',
      guidance: 'guidance_in.in_layer.weight',
      heads: ['double_blocks.0.img_attn.norm.query_norm.scale', 'single_blocks.0.norm.query_norm.scale'],
      // [D, M] and [D, D + M].
      mlps: ['double_blocks.0.img_mlp.2.weight', 'single_blocks.0.linear2.weight'],
      out: 'final_layer.linear.weight',
      dual: blocksOf(tensors, 'double_blocks.', 'img_attn.qkv.weight'),
      single: blocksOf(tensors, 'single_blocks.', 'linear1.weight'),
    });
  },
  source(name, { width: D }) {
    if (name === 'norm_out.linear.weight') {
      return { name: 'final_layer.adaLN_modulation.1.weight', rows: swappedHalves(D) };
    }
    const [, stack, index, local = ''] =
      /^(transformer_blocks|single_transformer_blocks)\.(\d+)\.(.+)$/.exec(name) ?? [];
    if (stack === undefined) {
      const layer = name.replace(/\.weight$/, '');
      return { name: `${GLOBALS[layer] ?? layer}.weight` };
    }
    if (stack === 'single_transformer_blocks') return { name: `single_blocks.${index}.${SINGLE[local] ?? local}` };
    const source = DUAL[local] ?? local;
    if (typeof source === 'string') return { name: `double_blocks.${index}.${source}` };
    const [fused, third] = source;
    return { name: `double_blocks.${index}.${fused}`, rows: thirdOf(third, D) };
  },
};

const diffusersNames: OriginalLayout<Flux2Config> = {
  label: 'FLUX.2 in the names of diffusers',
  keys: ['double_stream_modulation_img.linear.weight', 'single_stream_modulation.linear.weight', 'x_embedder.weight'],
  blockLists: ['transformer_blocks.', 'single_transformer_blocks.'],
  config(tensors, file) {
    return flux2Config(tensors, file, {
      width: 'x_embedder.weight',
      text: 'context_embedder.weight',
      time: 'time_guidance_embed.timestep_embedder.linear_1.weight',
      guidance: 'time_guidance_embed.guidance_embedder.linear_1.weight',
      heads: ['transformer_blocks.0.attn.norm_q.weight', 'single_transformer_blocks.0.attn.norm_q.weight'],
      mlps: ['transformer_blocks.0.ff.linear_out.weight', 'single_transformer_blocks.0.attn.to_out.weight'],
      out: 'proj_out.weight',
      dual: blocksOf(tensors, 'transformer_blocks.', 'attn.to_q.weight'),
      single: blocksOf(tensors, 'single_transformer_blocks.', 'attn.to_qkv_mlp_proj.weight'),
    });
  },
  source: (name): TensorSource => ({ name }),
};

export const FLUX2_LAYOUTS: readonly OriginalLayout<Flux2Config>[] = [blackForestLabs, diffusersNames];

interface Where {
  readonly width: string;
  readonly text: string;
  readonly time: string;
  readonly guidance: string;
  /** Of the first dual-stream block, of the first single-stream block. */
  readonly heads: readonly [string, string];
  readonly mlps: readonly [string, string];
  readonly out: string;
  readonly dual: number;
  readonly single: number;
}

/** The keys that diffusers writes for FLUX.2; what no shape says is as in every published model. */
function flux2Config(tensors: LayoutTensors, file: string, where: Where): RawConfig {
  const width = sideOf(tensors, where.width, 0, file);
  const inChannels = sideOf(tensors, where.width, 1, file);
  const outChannels = sideOf(tensors, where.out, 0, file);
  const [ofDual, ofSingle] = where.heads;
  const head = where.dual > 0 ? ofDual : ofSingle;
  const headDim = sideOf(tensors, head, 0, file);
  refuseHeadDim(headDim, HEAD_DIM, head, file);
  const [dualMlp, singleMlp] = where.mlps;
  const mlpDim = where.dual > 0 ? sideOf(tensors, dualMlp, 1, file) : sideOf(tensors, singleMlp, 1, file) - width;
  return {
    _class_name: 'Flux2Transformer2DModel',
    attention_head_dim: headDim,
    axes_dims_rope: [32, 32, 32, 32],
    eps: 1e-6,
    guidance_embeds: tensors.has(where.guidance),
    in_channels: inChannels,
    joint_attention_dim: sideOf(tensors, where.text, 1, file),
    mlp_ratio: mlpDim / width,
    num_attention_heads: headsOf(width, headDim, where.width, file),
    num_layers: where.dual,
    num_single_layers: where.single,
    ...(outChannels === inChannels ? {} : { out_channels: outChannels }),
    patch_size: 1,
    rope_theta: 2000,
    timestep_guidance_channels: sideOf(tensors, where.time, 1, file),
  };
}
