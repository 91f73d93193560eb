/** The tiny models that the reports, plans and runs of this folder are about, as the files of their folders. */
import { type Bytes, packed, qwenHeader, safetensorsOf, type TinySizes } from './tiny-checkpoint.ts';

/** By path below the model's folder. */
export type ModelFolder = Readonly<Record<string, Bytes>>;

/** Six blocks of width 16 with the sample's grammar: it trains and draws as the sample does, but its student is 40 kB. */
export function shapesTiny(): ModelFolder {
  const sizes = { blocks: 6, heads: 2, headDim: 8, textDim: 8, inChannels: 48, outFeatures: 48 };
  const embeddings = { name: 'weight', dtype: 'F32', shape: [VOCABULARY.length, sizes.textDim] };
  return {
    'model_index.json': json({ _class_name: 'QwenImagePipeline', transformer: ['diffusers', CLASS] }),
    'scheduler/scheduler_config.json': json(SCHEDULER),
    'text_encoder/vocab.json': json(VOCABULARY),
    'text_encoder/embeddings.safetensors': safetensorsOf([embeddings], { seed: 2 }),
    'transformer/config.json': json(configOf(sizes, [4, 2, 2], 4)),
    'transformer/diffusion_pytorch_model.safetensors': safetensorsOf(qwenHeader(sizes), { seed: 1 }),
  };
}

/** Three blocks without a grammar; the last block leaves the text as it is, so that its probe does not exist. */
export function textUnread(): ModelFolder {
  const sizes = { blocks: 3, heads: 2, headDim: 8, textDim: 12, inChannels: 16, outFeatures: 16 };
  const zero = (name: string) => /^transformer_blocks\.2\.(attn\.to_add_out|txt_mlp\.net\.2)\./.test(name);
  return {
    'config.json': json(configOf(sizes, [4, 2, 2], 2)),
    'diffusion_pytorch_model.safetensors': safetensorsOf(qwenHeader(sizes), { seed: 3, zero }),
  };
}

/** As deep as Qwen-Image and four features wide. */
export function sixtyBlocks(): ModelFolder {
  const sizes = { blocks: 60, heads: 1, headDim: 4, textDim: 8, inChannels: 16, outFeatures: 16 };
  return {
    'config.json': json(configOf(sizes, [0, 2, 2], 2)),
    'diffusion_pytorch_model.safetensors': safetensorsOf(qwenHeader(sizes), { seed: 4 }),
  };
}

/** Twelve samples of `shapesTiny`'s forward arguments at three time steps, as a user's pipeline would save them. */
export function calibrationFile(): Bytes {
  const [samples, image, text] = [12, 64, 13];
  const hidden = { name: 'hidden_states', dtype: 'F32', shape: [samples, image, 48] };
  const encoder = { name: 'encoder_hidden_states', dtype: 'F32', shape: [samples, text, 8] };
  const inputs = safetensorsOf([hidden, encoder], { seed: 5 });
  const data = inputs.subarray(8 + Number(new DataView(inputs.buffer).getBigUint64(0, true)));
  const hiddenBytes = 4 * samples * image * 48;
  const timestep = Float32Array.from({ length: samples }, (_, i) => [0.125, 0.5, 0.875][i % 3] ?? 0);
  return packed(
    [
      { ...hidden, bytes: data.subarray(0, hiddenBytes) },
      { ...encoder, bytes: data.subarray(hiddenBytes) },
      { name: 'timestep', dtype: 'F32', shape: [samples], bytes: new Uint8Array(timestep.buffer) },
    ],
    { img_shapes: '[[1,8,8]]' },
  );
}

const CLASS = 'QwenImageTransformer2DModel';

function configOf(sizes: TinySizes, axes: readonly number[], patchSize: number) {
  return {
    _class_name: CLASS,
    attention_head_dim: sizes.headDim,
    axes_dims_rope: axes,
    guidance_embeds: false,
    in_channels: sizes.inChannels,
    joint_attention_dim: sizes.textDim,
    num_attention_heads: sizes.heads,
    num_layers: sizes.blocks,
    out_channels: sizes.outFeatures / patchSize ** 2,
    patch_size: patchSize,
  };
}

function json(value: unknown): Bytes {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}

const VOCABULARY = (
  '<pad> <null> small large red green blue yellow purple cyan circle square triangle cross ring ' +
  'top-left top-right bottom-left bottom-right black white gray brown'
).split(' ');

const SCHEDULER = {
  _class_name: 'FlowMatchEulerDiscreteScheduler',
  base_image_seq_len: 256,
  base_shift: 0.5,
  invert_sigmas: false,
  max_image_seq_len: 4096,
  max_shift: 1.15,
  num_train_timesteps: 1000,
  shift: 1,
  shift_terminal: null,
  stochastic_sampling: false,
  time_shift_type: 'exponential',
  use_beta_sigmas: false,
  use_dynamic_shifting: false,
  use_exponential_sigmas: false,
  use_karras_sigmas: false,
};
