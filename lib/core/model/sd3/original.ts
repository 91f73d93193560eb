/**
 * SD3 and SD3.5 in single files: Stability AI's names (`joint_blocks`, github.com/Stability-AI/sd3.5). qkv is q, k, v by rows.
 * The modulation of the final layer and of the last block's text is shift, scale there and scale, shift in diffusers. The
 * same mapping as diffusers' single_file_utils.
 */
import { blocksOf, headsOf, sideOf } from '../layout-shapes.ts';
import { type OriginalLayout, swappedHalves, type TensorSource, thirdOf } from '../original-layout.ts';
import type { SD3Config } from './config.ts';

/** Of all published models; only those with normed queries have it in their shapes. */
const HEAD_DIM = 64;
/** Of all published models; no shape says it. */
const SAMPLE_SIZE = 128;

const GLOBALS: Readonly<Record<string, string>> = {
  'pos_embed.proj': 'x_embedder.proj',
  'time_text_embed.timestep_embedder.linear_1': 't_embedder.mlp.0',
  'time_text_embed.timestep_embedder.linear_2': 't_embedder.mlp.2',
  'time_text_embed.text_embedder.linear_1': 'y_embedder.mlp.0',
  'time_text_embed.text_embedder.linear_2': 'y_embedder.mlp.2',
  context_embedder: 'context_embedder',
  proj_out: 'final_layer.linear',
};
/** A layer of a block, and which third of a fused matrix it is. */
const BLOCK: Readonly<Record<string, string | readonly [string, number]>> = {
  'norm1.linear': 'x_block.adaLN_modulation.1',
  'norm1_context.linear': 'context_block.adaLN_modulation.1',
  'attn.to_q': ['x_block.attn.qkv', 0],
  'attn.to_k': ['x_block.attn.qkv', 1],
  'attn.to_v': ['x_block.attn.qkv', 2],
  'attn.add_q_proj': ['context_block.attn.qkv', 0],
  'attn.add_k_proj': ['context_block.attn.qkv', 1],
  'attn.add_v_proj': ['context_block.attn.qkv', 2],
  'attn.norm_q': 'x_block.attn.ln_q',
  'attn.norm_k': 'x_block.attn.ln_k',
  'attn.norm_added_q': 'context_block.attn.ln_q',
  'attn.norm_added_k': 'context_block.attn.ln_k',
  'attn.to_out.0': 'x_block.attn.proj',
  'attn.to_add_out': 'context_block.attn.proj',
  'attn2.to_q': ['x_block.attn2.qkv', 0],
  'attn2.to_k': ['x_block.attn2.qkv', 1],
  'attn2.to_v': ['x_block.attn2.qkv', 2],
  'attn2.norm_q': 'x_block.attn2.ln_q',
  'attn2.norm_k': 'x_block.attn2.ln_k',
  'attn2.to_out.0': 'x_block.attn2.proj',
  'ff.net.0.proj': 'x_block.mlp.fc1',
  'ff.net.2': 'x_block.mlp.fc2',
  'ff_context.net.0.proj': 'context_block.mlp.fc1',
  'ff_context.net.2': 'context_block.mlp.fc2',
};

export const SD3_LAYOUTS: readonly OriginalLayout<SD3Config>[] = [
  {
    label: 'SD3 in the layout of Stability AI',
    keys: ['joint_blocks.0.x_block.attn.qkv.weight', 'x_embedder.proj.weight', 'y_embedder.mlp.0.weight'],
    blockLists: ['joint_blocks.'],
    config(tensors, file) {
      const patches = 'x_embedder.proj.weight';
      const norm = 'joint_blocks.0.x_block.attn.ln_q.weight';
      const width = sideOf(tensors, patches, 0, file);
      const patchSize = sideOf(tensors, patches, 2, file);
      const numLayers = blocksOf(tensors, 'joint_blocks.', 'x_block.attn.qkv.weight');
      const hasNorm = tensors.has(norm);
      const headDim = hasNorm ? sideOf(tensors, norm, 0, file) : HEAD_DIM;
      const dual = Array.from({ length: numLayers }, (_, i) => i).filter((i) =>
        tensors.has(`joint_blocks.${i}.x_block.attn2.qkv.weight`),
      );
      return {
        _class_name: 'SD3Transformer2DModel',
        attention_head_dim: headDim,
        caption_projection_dim: width,
        // SD3's own config.json is older than both.
        ...(hasNorm || dual.length > 0 ? { dual_attention_layers: dual } : {}),
        in_channels: sideOf(tensors, patches, 1, file),
        joint_attention_dim: sideOf(tensors, 'context_embedder.weight', 1, file),
        num_attention_heads: headsOf(width, headDim, patches, file),
        num_layers: numLayers,
        out_channels: sideOf(tensors, 'final_layer.linear.weight', 0, file) / patchSize ** 2,
        patch_size: patchSize,
        pooled_projection_dim: sideOf(tensors, 'y_embedder.mlp.0.weight', 1, file),
        pos_embed_max_size: Math.round(Math.sqrt(sideOf(tensors, 'pos_embed', 1, file))),
        ...(hasNorm ? { qk_norm: 'rms_norm' } : {}),
        sample_size: SAMPLE_SIZE,
      };
    },
    source(name, { width: D, numBlocks }): TensorSource {
      if (name === 'pos_embed.pos_embed') return { name: 'pos_embed' };
      const [, index, layer = name, kind = ''] =
        /^(?:transformer_blocks\.(\d+)\.)?(.+)\.(weight|bias)$/.exec(name) ?? [];
      if (index === undefined) {
        if (layer === 'norm_out.linear')
          return { name: `final_layer.adaLN_modulation.1.${kind}`, rows: swappedHalves(D) };
        return { name: `${GLOBALS[layer] ?? layer}.${kind}` };
      }
      const block = `joint_blocks.${index}`;
      const source = BLOCK[layer] ?? layer;
      if (typeof source !== 'string') {
        const [fused, third] = source;
        return { name: `${block}.${fused}.${kind}`, rows: thirdOf(third, D) };
      }
      const isLastText = layer === 'norm1_context.linear' && Number(index) === numBlocks - 1;
      return { name: `${block}.${source}.${kind}`, ...(isLastText ? { rows: swappedHalves(D) } : {}) };
    },
  },
];
