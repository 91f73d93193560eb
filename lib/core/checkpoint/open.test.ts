import { describe, expect, test } from 'vitest';
import { fromFloat32 } from '../tensor/float.ts';
import { openCheckpoint } from './open.ts';
import { countingReads, named } from './testing.ts';
import type { NamedBlob } from './types.ts';
import { type TensorToWrite, writeSafetensors } from './write.ts';

const f32 = (name: string, ...values: number[]): TensorToWrite => ({
  name,
  dtype: 'F32',
  shape: [values.length],
  bytes: fromFloat32(Float32Array.from(values), 'F32'),
});
const SHARD_1 = 'diffusion_pytorch_model-00001-of-00002.safetensors';
const SHARD_2 = 'diffusion_pytorch_model-00002-of-00002.safetensors';
const INDEX = 'diffusion_pytorch_model.safetensors.index.json';
const shard1 = named(SHARD_1, writeSafetensors([f32('a', 1, 2), f32('b', 3)]));
const shard2 = named(SHARD_2, writeSafetensors([f32('c', 4)]));
const indexOf = (weight_map: Record<string, string>, path = INDEX): NamedBlob =>
  named(path, JSON.stringify({ metadata: { total_size: 1 }, weight_map }));
const agreeing = { a: SHARD_1, b: SHARD_1, c: SHARD_2 };

const refusal = (files: NamedBlob[]) => openCheckpoint(files).then(() => 'accepted', String);

describe('a folder', () => {
  test('with one file opens, and stray files are ignored', async () => {
    const file = named('diffusion_pytorch_model.safetensors', writeSafetensors([f32('a', 1, 2)]));
    const strays = [
      named('README.md', '# Model'),
      named('config.json', '{}'),
      named('.DS_Store', ''),
      named('calibration.safetensors', writeSafetensors([f32('hidden_states', 1)])),
      named('vae/diffusion_pytorch_model.safetensors', 'not a checkpoint'),
    ];
    const checkpoint = await openCheckpoint([...strays, file]);
    expect([...(await checkpoint.readFloat32('a'))]).toEqual([1, 2]);
    expect(checkpoint.files).toEqual([{ path: 'diffusion_pytorch_model.safetensors', sizeBytes: file.blob.size }]);
    expect(checkpoint.metadata.get('format')).toBe('pt');
  });

  test('with shards and an index opens, whatever total_size claims', async () => {
    const checkpoint = await openCheckpoint([shard2, indexOf(agreeing), shard1]);
    expect([...checkpoint.tensors.keys()].sort()).toEqual(['a', 'b', 'c']);
    expect([...(await checkpoint.readFloat32('c'))]).toEqual([4]);
    const bare = named(INDEX, JSON.stringify({ weight_map: agreeing }));
    await expect(openCheckpoint([shard1, shard2, bare])).resolves.toBeDefined();
  });

  test('with a variant alone opens, as one file or as shards', async () => {
    await openCheckpoint([named('diffusion_pytorch_model.fp16.safetensors', writeSafetensors([f32('a', 1)]))]);
    const name = 'diffusion_pytorch_model.fp16-00001-of-00001.safetensors';
    const index = indexOf({ a: name }, 'diffusion_pytorch_model.safetensors.index.fp16.json');
    const checkpoint = await openCheckpoint([named(name, writeSafetensors([f32('a', 5)])), index]);
    expect([...(await checkpoint.readFloat32('a'))]).toEqual([5]);
  });

  test('with a variant beside the plain weights opens the plain ones', async () => {
    const plain = named('diffusion_pytorch_model.safetensors', writeSafetensors([f32('a', 1)]));
    const half = named('diffusion_pytorch_model.fp16.safetensors', writeSafetensors([f32('a', 2)]));
    const checkpoint = await openCheckpoint([half, plain]);
    expect([...(await checkpoint.readFloat32('a'))]).toEqual([1]);
  });

  test('with two equally likely files is refused by name', async () => {
    const files = ['x.safetensors', 'y.safetensors'].map((path) => named(path, writeSafetensors([f32('a', 1)])));
    expect(await refusal(files)).toMatch(/x\.safetensors, y\.safetensors/);
  });

  test('without weights is refused, listing what was there', async () => {
    expect(await refusal([named('README.md', 'hello')])).toMatch(/No weights.*README\.md/);
    expect(await refusal([shard1, shard2])).toMatch(/Shards without their index.*index\.json/);
  });
});

describe('an index', () => {
  test('that names a missing shard is refused with the shard named', async () => {
    expect(await refusal([shard1, indexOf(agreeing)])).toContain(SHARD_2);
  });
  test('that maps a tensor to the wrong shard is refused with both named', async () => {
    expect(await refusal([shard1, shard2, indexOf({ ...agreeing, b: SHARD_2 })])).toMatch(
      /› b: .*in diffusion_pytorch_model-00001.*it in diffusion_pytorch_model-00002/,
    );
  });
  test('that leaves out a stored tensor is refused', async () => {
    expect(await refusal([shard1, shard2, indexOf({ a: SHARD_1, c: SHARD_2 })])).toMatch(/› b: .*weight_map entry/);
  });
  test('that lists a tensor that no shard holds is refused', async () => {
    expect(await refusal([shard1, shard2, indexOf({ ...agreeing, d: SHARD_2 })])).toMatch(/› d: .*in no shard/);
  });
  test('whose shards hold a tensor twice is refused', async () => {
    const again = named(SHARD_2, writeSafetensors([f32('c', 4), f32('a', 9)]));
    expect(await refusal([shard1, again, indexOf(agreeing)])).toMatch(/› a: .*alone/);
  });
  test('that is empty, no JSON, without weight_map, or with a duplicate key is refused', async () => {
    expect(await refusal([shard1, named(INDEX, '')])).toMatch(/empty file/);
    expect(await refusal([shard1, named(INDEX, '{')])).toMatch(/not JSON/);
    expect(await refusal([shard1, named(INDEX, '{"metadata":{}}')])).toMatch(/no weight_map/);
    expect(await refusal([shard1, named(INDEX, '{"weight_map":{}}')])).toMatch(/empty/);
    const twice = `{"weight_map":{"a":"${SHARD_1}","a":"${SHARD_1}"}}`;
    expect(await refusal([shard1, named(INDEX, twice)])).toMatch(/› a: .*twice/);
  });
  test('that points outside the folder is refused', async () => {
    expect(await refusal([shard1, indexOf({ a: '../secret.safetensors' })])).toMatch(/same folder/);
  });
  test('whose shard is truncated is refused with the shard named', async () => {
    const cut = { path: SHARD_2, blob: shard2.blob.slice(0, shard2.blob.size - 1) };
    expect(await refusal([shard1, cut, indexOf(agreeing)])).toMatch(
      /00002-of-00002\.safetensors: The file is cut short/,
    );
  });
});

describe('reading', () => {
  const weights = (blob: NamedBlob['blob']) => [{ path: 'diffusion_pytorch_model.safetensors', blob }];
  const file = new Blob([writeSafetensors([f32('a', 1, 2), f32('b', 3), f32('c', 4, 5)])]);

  test('is lazy, and neighbours come in one read in the order stored', async () => {
    const { blob, reads } = countingReads(file);
    const checkpoint = await openCheckpoint(weights(blob));
    expect(reads).toHaveLength(1);
    const seen: [string, number[]][] = [];
    for await (const { info, values } of checkpoint.readEach(['c', 'a'])) seen.push([info.name, [...values]]);
    expect(seen).toEqual([
      ['a', [1, 2]],
      ['c', [4, 5]],
    ]);
    expect(reads).toHaveLength(2);
  });

  test('goes on ahead of what is in use, as far as is allowed', async () => {
    // Three tensors too far apart to be read together.
    const gap = new Float32Array(20_000).fill(1);
    const spaced = new Blob([
      writeSafetensors([f32('a', 1), f32('b', ...gap), f32('c', 2), f32('d', ...gap), f32('e', 3)]),
    ]);
    const { blob, reads } = countingReads(spaced);
    const checkpoint = await openCheckpoint(weights(blob));
    const opened = reads.length;
    const wanted = checkpoint.readEach(['a', 'c', 'e']);
    await wanted.next();
    // The one that is in use, and the next.
    expect(reads.length - opened).toBe(2);
    await wanted.next();
    expect(reads.length - opened).toBe(3);
    await wanted.return(undefined);
    await checkpoint.readEach(['a', 'c', 'e'], 100).next();
    expect(reads.length - opened).toBe(6);
  });

  test('a tensor that is not there names it', async () => {
    const checkpoint = await openCheckpoint(weights(file));
    await expect(checkpoint.readFloat32('z')).rejects.toMatchObject({
      code: 'weight-missing',
      details: { tensor: 'z' },
    });
  });

  test('a file that went away or shrank is named', async () => {
    const failing = { size: file.size, slice: (s?: number, e?: number) => (s === 0 ? file.slice(s, e) : unreadable) };
    const unreadable = { size: 0, slice: () => unreadable, arrayBuffer: () => Promise.reject(new Error('gone')) };
    const broken = await openCheckpoint(weights({ ...failing, arrayBuffer: () => file.arrayBuffer() }));
    await expect(broken.readBytes('b')).rejects.toThrow(/diffusion_pytorch_model\.safetensors: .*gone/);
  });
});
