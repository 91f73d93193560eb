/** What every artifact store promises, checked on each kind of it. */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { addressOf, closed, listening } from '../testing.ts';
import { flipBit, flipObjectBit } from './damage-testing.ts';
import { openArtifactStore } from './index.ts';
import type { ArtifactStore } from './store.ts';
import { ACCESS_KEY, FakeS3 } from './testing.ts';

const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const promisedOf = (bytes: Uint8Array) => ({ sizeBytes: bytes.length, sha256: sha256Of(bytes) });
/** Seeded, so that no two places look alike. */
const bytesOf = (length: number, seed = 1) => {
  const bytes = new Uint8Array(length);
  for (let i = 0, x = seed; i < length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    bytes[i] = x >>> 24;
  }
  return bytes;
};
async function all<T>(items: AsyncIterable<T>) {
  const found = [];
  for await (const item of items) found.push(item);
  return found;
}

describe.each(['local', 's3'])('the %s store', (kind) => {
  let folder = '';
  let store: ArtifactStore;
  let fake: FakeS3;
  beforeEach(async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', ACCESS_KEY);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
    folder = await mkdtemp(join(tmpdir(), 'contigua-artifacts-'));
    fake = new FakeS3();
    const endpoint = addressOf(await listening(fake.server));
    const s3 = kind === 's3' ? { bucket: 'lab', endpoint, prefix: '', region: 'eu-west-1' } : null;
    store = openArtifactStore({ dataFolder: folder, s3 });
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await closed(fake.server);
    await rm(folder, { recursive: true });
  });
  async function source(bytes: Uint8Array, name = 'source.bin') {
    const path = join(folder, name);
    await writeFile(path, bytes);
    return path;
  }

  it('gives back what was put, whole and by range', async () => {
    const bytes = bytesOf(100_000);
    const stored = await store.put('runs/7/3-4/student.safetensors', await source(bytes), promisedOf(bytes));
    expect(stored).toEqual({ key: 'runs/7/3-4/student.safetensors', ...promisedOf(bytes) });
    const { blob } = await store.open(stored);
    expect(blob.size).toBe(100_000);
    expect(new Uint8Array(await blob.slice(99_000, 99_500).arrayBuffer())).toEqual(bytes.slice(99_000, 99_500));
    expect(sha256Of(new Uint8Array(await blob.arrayBuffer()))).toBe(stored.sha256);
    expect(sha256Of(await readFile(await store.localCopy(stored)))).toBe(stored.sha256);
  });

  it('keeps an empty file', async () => {
    const nothing = new Uint8Array(0);
    const stored = await store.put('runs/7/empty', await source(nothing), promisedOf(nothing));
    const { blob, parts } = await store.open(stored);
    expect(await all(parts())).toEqual([]);
    expect([blob.size, (await blob.arrayBuffer()).byteLength]).toEqual([0, 0]);
    expect(await readFile(await store.localCopy(stored))).toHaveLength(0);
  });

  it('takes the same file again, and refuses another under the same key', async () => {
    const bytes = bytesOf(5000);
    const path = await source(bytes);
    await store.put('runs/7/student', path, promisedOf(bytes));
    await expect(store.put('runs/7/student', path, promisedOf(bytes))).resolves.toMatchObject(promisedOf(bytes));
    const other = bytesOf(5000, 2);
    await expect(
      store.put('runs/7/student', await source(other, 'other.bin'), promisedOf(other)),
    ).rejects.toMatchObject({ code: 'artifact-corrupt' });
    const { blob } = await store.open({ key: 'runs/7/student', ...promisedOf(bytes) });
    expect(sha256Of(new Uint8Array(await blob.arrayBuffer()))).toBe(sha256Of(bytes));
  });

  it('takes a file from several callers at once', async () => {
    const bytes = bytesOf(50_000);
    const path = await source(bytes);
    await Promise.all([1, 2, 3].map(() => store.put('runs/7/student', path, promisedOf(bytes))));
    expect(await all(store.list(''))).toEqual(['runs/7/student']);
  });

  it('stores nothing of a file that is not what was promised', async () => {
    const bytes = bytesOf(5000);
    const path = await source(bytes);
    for (const wrong of [
      { sizeBytes: 5000, sha256: '0'.repeat(64) },
      { sizeBytes: 4999, sha256: sha256Of(bytes) },
    ]) {
      await expect(store.put('runs/7/student', path, wrong)).rejects.toMatchObject({ code: 'artifact-corrupt' });
    }
    await expect(store.open({ key: 'runs/7/student', ...promisedOf(bytes) })).rejects.toMatchObject({
      code: 'artifact-missing',
    });
    expect(await all(store.list(''))).toEqual([]);
  });

  it('lists below a prefix, in order, and forgets what is deleted', async () => {
    const bytes = bytesOf(10);
    const path = await source(bytes);
    for (const key of ['runs/7/b', 'runs/7/a/c', 'runs/70/a']) await store.put(key, path, promisedOf(bytes));
    expect(await all(store.list('runs/7/'))).toEqual(['runs/7/a/c', 'runs/7/b']);
    expect(await all(store.list(''))).toEqual(['runs/7/a/c', 'runs/7/b', 'runs/70/a']);
    await store.delete('runs/7/a/c');
    await store.delete('runs/7/a/c');
    expect(await all(store.list('runs/7/'))).toEqual(['runs/7/b']);
    await expect(store.open({ key: 'runs/7/a/c', ...promisedOf(bytes) })).rejects.toMatchObject({
      code: 'artifact-missing',
      details: { file: 'runs/7/a/c', expected: store.where },
    });
    await expect(store.localCopy({ key: 'runs/7/a/c', ...promisedOf(bytes) })).rejects.toMatchObject({
      code: 'artifact-missing',
    });
  });

  it.each([
    '',
    '..',
    '../x',
    'runs/../../x',
    '/etc/passwd',
    'runs//x',
    'runs/.x',
    'runs/x\\y',
    'runs/x y',
    'a'.repeat(513),
  ])('refuses the key %j', async (key) => {
    const bytes = bytesOf(10);
    const refusal = { code: 'path-forbidden' };
    await expect(store.put(key, await source(bytes), promisedOf(bytes))).rejects.toMatchObject(refusal);
    await expect(store.open({ key, ...promisedOf(bytes) })).rejects.toMatchObject(refusal);
    await expect(store.localCopy({ key, ...promisedOf(bytes) })).rejects.toMatchObject(refusal);
    await expect(store.delete(key)).rejects.toMatchObject(refusal);
    if (key !== '') await expect(all(store.list(key))).rejects.toMatchObject(refusal);
    expect(await readdir(folder)).toContain('source.bin');
  });

  describe('with one bit of a file flipped', () => {
    const key = 'runs/7/3-4/student.safetensors';
    const LARGE = 9 * 2 ** 20 + 5;
    const flip = (position: number) =>
      kind === 's3'
        ? flipObjectBit(fake, `lab/${key}`, position)
        : flipBit(join(folder, 'artifacts', ...key.split('/')), position);
    const put = async (length: number) => {
      const bytes = bytesOf(length);
      const path = await source(bytes);
      // Times that are set are kept to the millisecond only: a time that flipping can put back exactly.
      await utimes(path, 1_000, 1_000);
      const stored = await store.put(key, path, promisedOf(bytes));
      // Linked to the stored bytes where both lie on one device.
      await rm(join(folder, 'source.bin'));
      return stored;
    };
    const corrupt = { code: 'artifact-corrupt', details: { file: key } };

    it.each([
      ['small', 1000],
      ['large', LARGE],
    ])('gives out no byte of a %s file by range, wherever the bit lies', async (_, length) => {
      for (const position of [0, length >> 1, -1]) {
        const stored = await put(length);
        await flip(position);
        const { blob } = await store.open(stored);
        await expect(blob.slice(0, 8).arrayBuffer()).rejects.toMatchObject(corrupt);
        await expect(blob.slice(-8).arrayBuffer()).rejects.toMatchObject(corrupt);
        await store.delete(key);
      }
    });

    it.each([
      ['small', 1000],
      ['large', LARGE],
    ])('breaks a stream of a %s file off before its end, wherever the bit lies', async (_, length) => {
      for (const position of [0, length >> 1, -1]) {
        const stored = await put(length);
        await flip(position);
        let given = 0;
        const streaming = (async () => {
          for await (const part of (await store.open(stored)).parts()) given += part.length;
        })();
        await expect(streaming).rejects.toMatchObject(corrupt);
        expect(given).toBeLessThan(length);
        await store.delete(key);
      }
    });

    it('finds damage that came after the file was read whole, and gives out the ranges beside it', async () => {
      const stored = await put(LARGE);
      const content = await store.open(stored);
      expect(sha256Of(Buffer.concat(await all(content.parts())))).toBe(stored.sha256);
      await flip(LARGE - 100);
      const again = await store.open(stored);
      for (const { blob, parts } of [content, again]) {
        await expect(blob.slice(-8).arrayBuffer()).rejects.toMatchObject(corrupt);
        await expect(all(parts())).rejects.toMatchObject(corrupt);
        expect((await blob.slice(5, 500_000).arrayBuffer()).byteLength).toBe(499_995);
      }
    });

    it('gives no local copy, even where it gave one before the damage', async () => {
      const stored = await put(1000);
      const copy = await store.localCopy(stored);
      await flip(500);
      // The bucket's copy on this disk is still sound.
      if (kind === 's3') await rm(copy);
      await expect(store.localCopy(stored)).rejects.toMatchObject(corrupt);
    });

    it('gives the file again once it is as it was', async () => {
      const stored = await put(LARGE);
      await flip(3);
      const { blob } = await store.open(stored);
      await expect(blob.slice(0, 8).arrayBuffer()).rejects.toMatchObject(corrupt);
      await flip(3);
      expect(sha256Of(new Uint8Array(await blob.arrayBuffer()))).toBe(stored.sha256);
    });

    it('refuses a file of another size when it is opened', async () => {
      const stored = await put(1000);
      await expect(store.open({ ...stored, sizeBytes: 999 })).rejects.toMatchObject(corrupt);
    });
  });

  it('leaves the source where it is', async () => {
    const bytes = bytesOf(10);
    const path = await source(bytes);
    await store.put('runs/7/x', path, promisedOf(bytes));
    expect(await readFile(path)).toHaveLength(10);
    await rm(path);
    expect((await store.open({ key: 'runs/7/x', ...promisedOf(bytes) })).blob.size).toBe(10);
  });
});
