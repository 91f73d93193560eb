/**
 * A repository of the shape of Qwen/Qwen-Image: sixty blocks of width 3072 in BF16, 41 GB in nine shards, with an index, a
 * config and the files beside them; and a transformer folder of the shape of Stable Diffusion 3.5 medium. Headers are real;
 * weights are made when they are read, so that it lies nowhere: values of about one, or noise from a seed, with which the
 * model computes.
 */

import { safetensorsLayout, type TensorLayout, tensorBytes } from '../core/checkpoint/write.ts';
import { expectedTensors } from '../core/model/counts.ts';
import { parseModelConfig } from '../core/model/index.ts';
import { seededRandom } from '../core/random.ts';
import { QWEN_IMAGE_CONFIG } from './qwen-image-config.ts';
import { type ServedFile, servedBytes } from './source-server.ts';

const SHARDS = 9;
const BASE = 'diffusion_pytorch_model';

export interface ShapeOptions {
  /** Sixty by default. */
  readonly blocks?: number;
  /** Weights are noise from this seed; of about one where none is named. */
  readonly seed?: number;
}

export function publishedShape({
  blocks = QWEN_IMAGE_CONFIG.num_layers,
  seed,
}: ShapeOptions = {}): ReadonlyMap<string, ServedFile> {
  const raw = { ...QWEN_IMAGE_CONFIG, num_layers: blocks };
  const config = parseModelConfig(JSON.stringify(raw), 'config.json');
  const fill = seed === undefined ? fillOnes : noiseFill(seed);
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
    ['transformer/config.json', json(raw)],
    [`transformer/${BASE}.safetensors.index.json`, json({ metadata: {}, weight_map: Object.fromEntries(weightMap) })],
    ...shards.map((all, shard) => [`transformer/${nameOf(shard)}`, shardOf(all, fill)] as const),
    ['vae/config.json', json({ _class_name: 'AutoencoderKLQwenImage' })],
  ]);
}

const MEDIUM_CONFIG = {
  _class_name: 'SD3Transformer2DModel',
  _diffusers_version: '0.31.0',
  attention_head_dim: 64,
  caption_projection_dim: 1536,
  dual_attention_layers: Array.from({ length: 13 }, (_, block) => block),
  in_channels: 16,
  joint_attention_dim: 4096,
  num_attention_heads: 24,
  num_layers: 24,
  out_channels: 16,
  patch_size: 2,
  pooled_projection_dim: 2048,
  pos_embed_max_size: 384,
  qk_norm: 'rms_norm',
  sample_size: 128,
};

/** The transformer folder of stabilityai/stable-diffusion-3.5-medium, in one file: 24 blocks by default. Noise from `seed`. */
export function mediumShape(seed: number, blocks = MEDIUM_CONFIG.num_layers): ReadonlyMap<string, ServedFile> {
  const dual = MEDIUM_CONFIG.dual_attention_layers.filter((block) => block < blocks);
  const raw = { ...MEDIUM_CONFIG, num_layers: blocks, dual_attention_layers: dual };
  const config = parseModelConfig(JSON.stringify(raw), 'config.json');
  const tensors = expectedTensors(config).map(({ name, shape }): TensorLayout => ({ name, shape, dtype: 'BF16' }));
  return new Map<string, ServedFile>([
    ['config.json', servedBytes(new TextEncoder().encode(JSON.stringify(raw, null, 2)))],
    [`${BASE}.safetensors`, shardOf(tensors, noiseFill(seed))],
  ]);
}

/** Fills bytes of a shard that lie at `position` in it. */
type Fill = (bytes: Uint8Array, position: number) => void;

/** BF16 values of about one: no byte of 0x3c 0x3c is NaN. */
const fillOnes: Fill = (bytes) => void bytes.fill(0x3c);

const DEVIATION = 0.02;
/** Values before the noise comes again: a prime, so that no row of a matrix equals another. */
const PERIOD = 16_777_213;

/** BF16 values of N(0, 0.02²). */
function noiseFill(seed: number): Fill {
  const { normal } = seededRandom(seed);
  const values = Float32Array.from({ length: PERIOD }, () => DEVIATION * normal());
  const words = new Uint32Array(values.buffer);
  const noise = new Uint8Array(Uint16Array.from(words, (word) => word >>> 16).buffer);
  return (bytes, position) => {
    for (let done = 0; done < bytes.length; ) {
      const at = (position + done) % noise.length;
      const part = noise.subarray(at, Math.min(noise.length, at + bytes.length - done));
      bytes.set(part, done);
      done += part.length;
    }
  };
}

function shardOf(tensors: readonly TensorLayout[], fill: Fill): ServedFile {
  const { header } = safetensorsLayout(tensors);
  return {
    sizeBytes: tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), header.length),
    read(start, end) {
      const bytes = new Uint8Array(end - start);
      // Values begin at even bytes of the data.
      fill(bytes, start + (header.length % 2));
      if (start < header.length) bytes.set(header.subarray(start, end));
      return bytes;
    },
  };
}
