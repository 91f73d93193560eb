/**
 * Writes fingerprints/fingerprints.json: `node lib/testing/v1/generate/fingerprints.mjs`. Needs version 1's code. Every
 * model is opened for computing first, weights checked: the list holds only what version 1 could open.
 */
import { writeFile } from 'node:fs/promises';
import { register } from 'tsx/esm/api';

register();
const tf = await import('@tensorflow/tfjs-core');
await import('@tensorflow/tfjs-backend-cpu');
await tf.setBackend('cpu');
const { openModel } = await import('../../../../workers/open-model.ts');
const { openTransformer } = await import('../../../core/model/index.ts');
const { filesOf } = await import('../fingerprints/checkpoints.ts');

const SMALL = { blocks: 2, heads: 2, headDim: 8, textDim: 12, inChannels: 16, outFeatures: 16 };
const CLASS = '"_class_name":"QwenImageTransformer2DModel"';
const WHOLE = {
  _class_name: 'QwenImageTransformer2DModel',
  attention_head_dim: 8,
  axes_dims_rope: [4, 2, 2],
  in_channels: 16,
  joint_attention_dim: 12,
  num_attention_heads: 2,
  num_layers: 2,
  out_channels: 4,
  patch_size: 2,
};
const without = (...keys) => Object.fromEntries(Object.entries(WHOLE).filter(([key]) => !keys.includes(key)));
const plain = { config: WHOLE, sizes: SMALL, dtype: 'F32', seed: 11, layout: 'file' };

const MODELS = {
  whole: { ...plain, about: 'every key that takes part, and no other' },
  'more-keys': {
    ...plain,
    about: 'keys that do not take part, as diffusers writes them: the fingerprint of `whole`',
    config: {
      _diffusers_version: '0.36.0',
      _name_or_path: 'somewhere',
      ...WHOLE,
      guidance_embeds: false,
      pooled_projection_dim: 768,
      theta: 10000,
      use_additional_t_cond: false,
      use_layer3d_rope: false,
      zero_cond_t: false,
      single_stream_index: [],
      ffn_proj_index: [],
      ehs_proj_index: [],
    },
  },
  'other-order': {
    ...plain,
    about: 'keys in another order: the fingerprint of `whole`',
    config: Object.fromEntries(Object.entries(WHOLE).reverse()),
  },
  'numbers-with-points': {
    ...plain,
    about: '2.0 for 2 and 1.2e1 for 12: the fingerprint of `whole`',
    config: `{${CLASS},"attention_head_dim":8.0,"axes_dims_rope":[4.0,2,2],"in_channels":16,"joint_attention_dim":1.2e1,"num_attention_heads":2.0,"num_layers":2.0,"out_channels":4,"patch_size":2.0}`,
  },
  'guidance-null': { ...plain, about: 'refused options that are null', config: { ...WHOLE, guidance_embeds: null } },
  'no-patch-size': { ...plain, about: 'patch_size absent, 2 by default', config: without('patch_size') },
  'patch-size-null': {
    ...plain,
    about: 'patch_size null: the fingerprint of `no-patch-size`, not of `whole`, though the arithmetic is the same',
    config: { ...WHOLE, patch_size: null },
  },
  'no-out-channels': {
    ...plain,
    about: 'out_channels absent, 16 by default',
    config: without('out_channels'),
    sizes: { ...SMALL, outFeatures: 64 },
  },
  'out-channels-null': {
    ...plain,
    about: 'out_channels null: as many as in_channels',
    config: { ...WHOLE, out_channels: null },
    sizes: { ...SMALL, outFeatures: 64 },
  },
  'out-channels-null-other-in': {
    ...plain,
    about: 'out_channels null with 8 in_channels, and features that are not those of the default',
    config: { ...WHOLE, in_channels: 8, out_channels: null },
    sizes: { ...SMALL, inChannels: 8, outFeatures: 32 },
  },
  'no-in-channels': {
    ...plain,
    about: 'in_channels absent, 64 by default',
    config: without('in_channels'),
    sizes: { ...SMALL, inChannels: 64 },
  },
  'in-channels-null': {
    ...plain,
    about: 'in_channels null: the fingerprint of `no-in-channels`',
    config: { ...WHOLE, in_channels: null },
    sizes: { ...SMALL, inChannels: 64 },
  },
  'no-heads': {
    ...plain,
    about: 'num_attention_heads absent, 24 by default',
    config: { ...without('num_attention_heads'), attention_head_dim: 2, axes_dims_rope: [2, 0, 0] },
    sizes: { ...SMALL, heads: 24, headDim: 2 },
  },
  'heads-null': {
    ...plain,
    about: 'num_attention_heads null: the fingerprint of `no-heads`',
    config: { ...WHOLE, num_attention_heads: null, attention_head_dim: 2, axes_dims_rope: [2, 0, 0] },
    sizes: { ...SMALL, heads: 24, headDim: 2 },
  },
  'no-text-dim': {
    ...plain,
    about: 'joint_attention_dim absent, 3584 by default',
    config: without('joint_attention_dim'),
    sizes: { ...SMALL, textDim: 3584 },
  },
  'no-head-dim': {
    ...plain,
    about: 'attention_head_dim and axes_dims_rope absent, 128 and [16, 56, 56] by default',
    config: { ...without('attention_head_dim', 'axes_dims_rope'), num_attention_heads: 1, num_layers: 1 },
    sizes: { ...SMALL, blocks: 1, heads: 1, headDim: 128 },
  },
  'axes-null': {
    ...plain,
    about: 'both null: the fingerprint of `no-head-dim`',
    config: { ...WHOLE, attention_head_dim: null, axes_dims_rope: null, num_attention_heads: 1, num_layers: 1 },
    sizes: { ...SMALL, blocks: 1, heads: 1, headDim: 128 },
  },
  'no-layers': {
    ...plain,
    about: 'num_layers absent, 60 by default, which is also the narrow model of 60 blocks',
    config: { ...without('num_layers'), num_attention_heads: 1, attention_head_dim: 4, axes_dims_rope: [0, 2, 2] },
    sizes: { ...SMALL, blocks: 60, heads: 1, headDim: 4 },
  },
  'other-axes': {
    ...plain,
    about: 'the same shapes with other rotary axes: another fingerprint than `whole`',
    config: { ...WHOLE, axes_dims_rope: [2, 2, 4] },
  },
  'other-heads': {
    ...plain,
    about: 'the same width in other heads',
    config: { ...WHOLE, attention_head_dim: 4, num_attention_heads: 4, axes_dims_rope: [0, 2, 2] },
    sizes: { ...SMALL, heads: 4, headDim: 4 },
  },
  'three-blocks': {
    ...plain,
    about: 'one block more',
    config: { ...WHOLE, num_layers: 3 },
    sizes: { ...SMALL, blocks: 3 },
  },
  shards: { ...plain, about: 'in two shards: the fingerprint of `whole`', layout: 'shards' },
  reversed: { ...plain, about: 'tensors stored in another order: the fingerprint of `whole`', layout: 'reversed' },
  'fp16-file': { ...plain, about: 'F16, in the file of that variant', dtype: 'F16', layout: 'fp16-file' },
  bf16: { ...plain, about: 'BF16', dtype: 'BF16' },
  f64: { ...plain, about: 'F64', dtype: 'F64' },
  f8: { ...plain, about: 'F8_E4M3 without scales', dtype: 'F8_E4M3' },
  'mixed-types': {
    ...plain,
    about: 'BF16 with biases in F32, as a converter leaves them',
    dtype: 'BF16',
    otherTypes: { '.bias': 'F32' },
  },
  'extra-tensors': {
    ...plain,
    about: 'two tensors that the model does not need: they are part of the inventory',
    extra: [
      { name: 'pos_embed.pos_freqs', dtype: 'F32', shape: [4, 2] },
      { name: 'transformer_blocks.0.attn.scale', dtype: 'F32', shape: [1] },
    ],
  },
  'retrained-input': {
    ...plain,
    about: 'other weights in img_in: another fingerprint',
    retrained: ['img_in.weight'],
  },
  'retrained-output': { ...plain, about: 'other weights in proj_out', retrained: ['proj_out.weight'] },
  'retrained-first-bias': {
    ...plain,
    about: 'another bias in block 0',
    retrained: ['transformer_blocks.0.img_mlp.net.2.bias'],
  },
  'retrained-first-matrix': {
    ...plain,
    about: 'another matrix in block 0, which is not sampled: the fingerprint of `whole`',
    retrained: ['transformer_blocks.0.img_mlp.net.2.weight'],
  },
  'retrained-second-bias': {
    ...plain,
    about: 'another bias in block 1, which is not sampled: the fingerprint of `whole`',
    retrained: ['transformer_blocks.1.img_mlp.net.2.bias'],
  },
};

const fingerprinted = {};
for (const [name, { config, about, ...model }] of Object.entries(MODELS)) {
  const described = { about, config: typeof config === 'string' ? config : JSON.stringify(config), ...model };
  const files = Object.entries(filesOf(described)).map(([path, bytes]) => ({ path, blob: new Blob([bytes]) }));
  const opened = await openModel({ kind: 'files', name, files }, null);
  (await openTransformer(opened.config, opened.checkpoint)).dispose();
  fingerprinted[name] = { ...described, fingerprint: opened.summary.fingerprint };
}
console.log(`${Object.keys(fingerprinted).length} models`);
const target = new URL('../fingerprints/fingerprints.json', import.meta.url);
await writeFile(target, `${JSON.stringify(fingerprinted, null, 2)}\n`);
