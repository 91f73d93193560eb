/** transformer/config.json of Qwen/Qwen-Image: 60 blocks, 20,430,401,088 parameters. */
export const QWEN_IMAGE_CONFIG = {
  _class_name: 'QwenImageTransformer2DModel',
  _diffusers_version: '0.35.0.dev0',
  attention_head_dim: 128,
  axes_dims_rope: [16, 56, 56],
  guidance_embeds: false,
  in_channels: 64,
  joint_attention_dim: 3584,
  num_attention_heads: 24,
  num_layers: 60,
  out_channels: 16,
  patch_size: 2,
};
