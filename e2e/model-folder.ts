/**
 * Transformer folders as a user might have them, written for one journey: a few tiny blocks whose weights are a hash of
 * their place, in one file or in shards, in any dtype, whole or broken in one place.
 */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from '@playwright/test';
import { type TensorToWrite, writeSafetensors } from '../lib/core/checkpoint/index.ts';
import { type ModelConfig, parseModelConfig } from '../lib/core/model/config-index.ts';
import { goldenCheckpoint, goldenValue } from '../lib/core/model/golden-fill.ts';
import { fromFloat32 } from '../lib/core/tensor/index.ts';

export const WEIGHTS = 'diffusion_pytorch_model.safetensors';
export const INDEX = `${WEIGHTS}.index.json`;

export interface FolderOptions {
  readonly blocks?: number;
  /** A FluxTransformer2DModel with so many blocks of each stack, in place of a QwenImageTransformer2DModel. */
  readonly flux?: { readonly dual: number; readonly single: number };
  readonly dtype?: 'F32' | 'F16' | 'BF16';
  readonly shards?: number;
  /** Heads of 64 features, in place of 4 of 16: the model's width. */
  readonly heads?: number;
  /** Keys of config.json that differ. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly change?: (tensors: TensorToWrite[]) => TensorToWrite[];
}

export type Files = Map<string, Uint8Array>;

const CONFIG = {
  _class_name: 'QwenImageTransformer2DModel',
  _diffusers_version: '0.35.0',
  patch_size: 2,
  in_channels: 16,
  out_channels: 4,
  attention_head_dim: 16,
  num_attention_heads: 4,
  joint_attention_dim: 16,
  axes_dims_rope: [8, 4, 4],
};

const WIDE = { attention_head_dim: 64, axes_dims_rope: [16, 24, 24] };

const FLUX_CONFIG = {
  _class_name: 'FluxTransformer2DModel',
  _diffusers_version: '0.35.0',
  patch_size: 1,
  in_channels: 16,
  attention_head_dim: 8,
  num_attention_heads: 2,
  joint_attention_dim: 16,
  pooled_projection_dim: 16,
  axes_dims_rope: [4, 2, 2],
  guidance_embeds: false,
};

export async function transformerFiles(options: FolderOptions = {}): Promise<Files> {
  const { blocks = 2, dtype = 'F32', shards = 1, change = (all: TensorToWrite[]) => all } = options;
  const { flux } = options;
  const raw = flux
    ? { ...FLUX_CONFIG, num_layers: flux.dual, num_single_layers: flux.single }
    : { ...CONFIG, num_layers: blocks, ...(options.heads ? { ...WIDE, num_attention_heads: options.heads } : {}) };
  const config = parseModelConfig(JSON.stringify(raw), 'config.json');
  const tensors = change(await tensorsOf(config, dtype));
  const files: Files = new Map([['config.json', json({ ...raw, ...options.config })]]);
  if (shards === 1) return files.set(WEIGHTS, writeSafetensors(tensors));
  const weightMap: Record<string, string> = {};
  for (let shard = 0; shard < shards; shard++) {
    const part = tensors.filter((_, i) => i % shards === shard);
    const name = shardName(shard, shards);
    for (const tensor of part) weightMap[tensor.name] = name;
    files.set(name, writeSafetensors(part));
  }
  const total = tensors.reduce((sum, { bytes }) => sum + bytes.length, 0);
  return files.set(INDEX, json({ metadata: { total_size: total }, weight_map: weightMap }));
}

export function shardName(shard: number, of: number): string {
  const digits = (n: number) => String(n).padStart(5, '0');
  return WEIGHTS.replace('.safetensors', `-${digits(shard + 1)}-of-${digits(of)}.safetensors`);
}

async function tensorsOf(config: ModelConfig, dtype: 'F32' | 'F16' | 'BF16'): Promise<TensorToWrite[]> {
  const checkpoint = goldenCheckpoint(config);
  return await Promise.all(
    [...checkpoint.tensors.values()].map(async ({ name, shape }) => ({
      name,
      dtype,
      shape,
      bytes: fromFloat32(await checkpoint.readFloat32(name), dtype),
    })),
  );
}

/** A calibration for the folders above: `samples` noisy 4 × 4 pictures at two timesteps. */
export function calibrationFile(samples: number, inChannels = CONFIG.in_channels): Uint8Array {
  const [imageTokens, textTokens] = [16, 6];
  const tensor = (name: string, shape: number[], of: (k: number) => number): TensorToWrite => ({
    name,
    dtype: 'F32',
    shape,
    bytes: fromFloat32(
      Float32Array.from({ length: shape.reduce((product, n) => product * n, 1) }, (_, k) => of(k)),
      'F32',
    ),
  });
  return writeSafetensors(
    [
      tensor('hidden_states', [samples, imageTokens, inChannels], (k) => goldenValue(k, 1)),
      tensor('encoder_hidden_states', [samples, textTokens, CONFIG.joint_attention_dim], (k) => goldenValue(k, 2)),
      tensor('timestep', [samples], (k) => (k % 2 === 0 ? 0.25 : 0.75)),
    ],
    { img_shapes: JSON.stringify([[1, 4, 4]]) },
  );
}

/** Lays the files out in a folder of this name among the running test's own files, and returns its path. */
export async function writeFolder(name: string, files: Files): Promise<string> {
  const results = test.info().outputDir;
  await mkdir(results, { recursive: true });
  const folder = join(await mkdtemp(join(results, 'model-')), name);
  await mkdir(folder);
  for (const [path, bytes] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  return folder;
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}
