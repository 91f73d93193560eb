/**
 * A repository of the shape of Qwen/Qwen-Image: sixty blocks of width 3072 in BF16, 41 GB in nine shards, with an index, a
 * config and the files beside them. Headers are real; weights are made when they are read, so that it lies nowhere.
 */
import { safetensorsLayout, type TensorLayout, tensorBytes } from '../core/checkpoint/write.ts';
import { expectedTensors } from '../core/model/counts.ts';
import { parseModelConfig } from '../core/model/index.ts';
import { type ServedFile, servedBytes } from './source-server.ts';

const CONFIG = {
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
const SHARDS = 9;
const BASE = 'diffusion_pytorch_model';

export function publishedShape(): ReadonlyMap<string, ServedFile> {
  const config = parseModelConfig(JSON.stringify(CONFIG), 'config.json');
  const tensors = expectedTensors(config).map(({ name, shape }): TensorLayout => ({ name, shape, dtype: 'BF16' }));
  const totalBytes = tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
  const shards: TensorLayout[][] = Array.from({ length: SHARDS }, () => []);
  let before = 0;
  for (const tensor of tensors) {
    shards[Math.floor((before / totalBytes) * SHARDS)]?.push(tensor);
    before += tensorBytes(tensor);
  }
  const nameOf = (shard: number) => `${BASE}-${String(shard + 1).padStart(5, '0')}-of-0000${SHARDS}.safetensors`;
  const weightMap = shards.flatMap((all, shard) => all.map(({ name }) => [name, nameOf(shard)] as const));
  const json = (value: unknown) => servedBytes(new TextEncoder().encode(JSON.stringify(value, null, 2)));
  return new Map<string, ServedFile>([
    ['README.md', servedBytes(new TextEncoder().encode('A model'))],
    ['model_index.json', json({ _class_name: 'QwenImagePipeline' })],
    ['scheduler/scheduler_config.json', json({ _class_name: 'FlowMatchEulerDiscreteScheduler' })],
    ['text_encoder/config.json', json({ model_type: 'qwen2_5_vl' })],
    ['tokenizer/vocab.json', { sizeBytes: 2_776_833, read: (start, end) => new Uint8Array(end - start) }],
    ['transformer/config.json', json(CONFIG)],
    [`transformer/${BASE}.safetensors.index.json`, json({ metadata: {}, weight_map: Object.fromEntries(weightMap) })],
    ...shards.map((all, shard) => [`transformer/${nameOf(shard)}`, shardOf(all)] as const),
    ['vae/config.json', json({ _class_name: 'AutoencoderKLQwenImage' })],
  ]);
}

/** BF16 values of about one: no byte of 0x3c 0x3c is NaN. */
function shardOf(tensors: readonly TensorLayout[]): ServedFile {
  const { header } = safetensorsLayout(tensors);
  return {
    sizeBytes: tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), header.length),
    read(start, end) {
      const bytes = new Uint8Array(end - start).fill(0x3c);
      bytes.set(header.subarray(start, end));
      return bytes;
    },
  };
}
