/** Qwen-Image in single files, as ComfyUI and GGUF files have it: diffusers' names, without a config. */
import { blocksOf, headsOf, refuseHeadDim, sideOf } from '../layout-shapes.ts';
import type { OriginalLayout } from '../original-layout.ts';
import type { QwenImageConfig } from './config.ts';

const HEAD_DIM = 128;
const PATCH_SIZE = 2;

export const QWEN_IMAGE_LAYOUTS: readonly OriginalLayout<QwenImageConfig>[] = [
  {
    label: 'Qwen-Image in the names of diffusers',
    keys: ['txt_norm.weight', 'img_in.weight', 'transformer_blocks.0.img_mod.1.weight'],
    blockLists: ['transformer_blocks.'],
    // The keys of Qwen-Image's own config.json.
    config(tensors, file) {
      const width = sideOf(tensors, 'img_in.weight', 0, file);
      const headTensor = 'transformer_blocks.0.attn.norm_q.weight';
      const headDim = sideOf(tensors, headTensor, 0, file);
      refuseHeadDim(headDim, HEAD_DIM, headTensor, file);
      return {
        _class_name: 'QwenImageTransformer2DModel',
        attention_head_dim: headDim,
        axes_dims_rope: [16, 56, 56],
        guidance_embeds: false,
        in_channels: sideOf(tensors, 'img_in.weight', 1, file),
        joint_attention_dim: sideOf(tensors, 'txt_in.weight', 1, file),
        num_attention_heads: headsOf(width, headDim, 'img_in.weight', file),
        num_layers: blocksOf(tensors, 'transformer_blocks.', 'img_mod.1.weight'),
        out_channels: sideOf(tensors, 'proj_out.weight', 0, file) / PATCH_SIZE ** 2,
        patch_size: PATCH_SIZE,
        // What tells the newer forms apart, where a file says it: ComfyUI marks Qwen-Image-Edit-2511 with an empty tensor,
        // and Qwen-Image-Layered is the one with an additional embedding.
        ...(tensors.has('__index_timestep_zero__') ? { zero_cond_t: true } : {}),
        ...(tensors.has('time_text_embed.addition_t_embedding.weight')
          ? { use_additional_t_cond: true, use_layer3d_rope: true }
          : {}),
      };
    },
    source: (name) => ({ name }),
  },
];
