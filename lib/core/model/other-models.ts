/** Models that are met in single files and are of none of the families here, by a tensor that each has: so that they are named. */
export const OTHER_MODELS: readonly { readonly key: string; readonly name: string }[] = [
  { key: 'distilled_guidance_layer.in_proj.weight', name: 'Chroma' },
  { key: 'txt_in.individual_token_refiner.blocks.0.norm1.weight', name: 'HunyuanVideo' },
  { key: 'cap_embedder.1.weight', name: 'Lumina 2 or Z-Image' },
  { key: 'caption_projection.0.linear.weight', name: 'HiDream' },
  { key: 'double_layers.0.attn.w1q.weight', name: 'AuraFlow' },
  { key: 'blocks.0.self_attn.norm_q.weight', name: 'Wan' },
  { key: 'transformer_blocks.0.scale_shift_table', name: 'LTX-Video' },
  { key: 'input_blocks.0.0.weight', name: 'Stable Diffusion 1, 2 or XL' },
  { key: 'down_blocks.0.resnets.0.conv1.weight', name: 'Stable Diffusion 1, 2 or XL' },
  { key: 'blk.0.attn_q.weight', name: 'a language model' },
  { key: 'enc.blk.0.attn_q.weight', name: 'a T5 text encoder' },
  { key: 'encoder.block.0.layer.0.SelfAttention.q.weight', name: 'a T5 text encoder' },
  { key: 'encoder.conv_in.weight', name: 'a VAE' },
  { key: 'decoder.conv_in.weight', name: 'a VAE' },
];
