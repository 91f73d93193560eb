import { expect, test } from 'vitest';
import { fromFloat32 } from '../tensor/float.ts';
import { fingerprintOf } from './fingerprint.ts';
import { readSafetensorsHeader } from './header.ts';
import { openCheckpoint } from './open.ts';
import { named } from './testing.ts';
import { type TensorToWrite, writeSafetensors } from './write.ts';

const tensor = (name: string, dtype: 'F32' | 'BF16' | 'F16', shape: number[], values: number[]): TensorToWrite => ({
  name,
  dtype,
  shape,
  bytes: fromFloat32(Float32Array.from(values), dtype),
});

test('what is written reads back, wide types first, header padded to a multiple of eight', async () => {
  const file = writeSafetensors([
    tensor('z', 'BF16', [2], [1, 2]),
    tensor('b', 'F32', [1, 2], [3, 4]),
    tensor('a', 'F32', [], [5]),
  ]);
  const { tensors, metadata } = await readSafetensorsHeader(new Blob([file]), 'w');
  expect([...tensors.values()].sort((x, y) => x.start - y.start).map((t) => t.name)).toEqual(['a', 'b', 'z']);
  expect(tensors.get('a')!.start % 8).toBe(0);
  expect(Object.fromEntries(metadata)).toEqual({ format: 'pt' });
  const checkpoint = await openCheckpoint([named('model.safetensors', file)]);
  expect([...(await checkpoint.readFloat32('z'))]).toEqual([1, 2]);
});

test('bytes that do not fit the shape, and a name twice, are refused', () => {
  expect(() => writeSafetensors([tensor('a', 'F32', [3], [1, 2])])).toThrow(/› ?a|a: .*8 bytes.*12 bytes/);
  const twice = tensor('a', 'F32', [1], [1]);
  expect(() => writeSafetensors([twice, twice])).toThrow(/its name twice/);
});

const IDENTITY = {
  version: 1,
  configKeys: ['_class_name', 'num_attention_heads', 'num_layers'],
  tensors: ['img_in.weight'],
  firstBlock: 'transformer_blocks.0.',
} as const;

test('the fingerprint does not depend on sharding or file names, and does on weights, dtype and config', async () => {
  const config = { _class_name: 'QwenImageTransformer2DModel', num_attention_heads: 3, _diffusers_version: '0.34.0' };
  const bias = 'transformer_blocks.0.attn.to_q.bias';
  const parts = [tensor('img_in.weight', 'F32', [2], [1, 2]), tensor(bias, 'F32', [1], [3])];
  const whole = await openCheckpoint([named('diffusion_pytorch_model.safetensors', writeSafetensors(parts))]);
  const shards = parts.map((part, i) => named(`m-0000${i + 1}-of-00002.safetensors`, writeSafetensors([part])));
  const weight_map = Object.fromEntries(parts.map((part, i) => [part.name, shards[i]!.path]));
  const sharded = await openCheckpoint([...shards, named('m.safetensors.index.json', JSON.stringify({ weight_map }))]);
  const print = await fingerprintOf(IDENTITY, config, whole);
  expect(print).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(await fingerprintOf(IDENTITY, { ...config, _diffusers_version: '0.40.0' }, sharded)).toBe(print);

  const other = async (...tensors: TensorToWrite[]) =>
    fingerprintOf(IDENTITY, config, await openCheckpoint([named('m.safetensors', writeSafetensors(tensors))]));
  expect(await fingerprintOf(IDENTITY, { ...config, num_attention_heads: 1 }, whole)).not.toBe(print);
  expect(await other(tensor('img_in.weight', 'F32', [2], [1, 2]), tensor(bias, 'F32', [1], [4]))).not.toBe(print);
  expect(await other(tensor('img_in.weight', 'BF16', [2], [1, 2]), tensor(bias, 'F32', [1], [3]))).not.toBe(print);
});
