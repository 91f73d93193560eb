import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LocalArtifacts } from './local.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'contigua-local-'));
});
afterEach(() => rm(root, { recursive: true }));
const bytes = new TextEncoder().encode('block u');
const promised = { sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };

it('shares the bytes of a file on the same device, and copies one from another', async () => {
  const store = new LocalArtifacts(join(root, 'store'));
  const near = join(root, 'near');
  await writeFile(near, bytes);
  await store.put('a', near, promised);
  expect((await stat(join(root, 'store/a'))).ino).toBe((await stat(near)).ino);

  const shared = await mkdtemp('/dev/shm/contigua-local-').catch(() => null);
  if (!shared) return; // a system without a second device at hand
  try {
    const far = join(shared, 'far');
    await writeFile(far, bytes);
    await store.put('b', far, promised);
  } finally {
    await rm(shared, { recursive: true });
  }
  const { blob } = await store.open({ key: 'b', ...promised });
  expect((await blob.arrayBuffer()).byteLength).toBe(bytes.length);
  expect((await readdir(join(root, 'store'))).sort()).toEqual(['a', 'b']);
});

it('finds a stored file that was spoilt since it was last read', async () => {
  const store = new LocalArtifacts(join(root, 'store'));
  const source = join(root, 'source');
  await writeFile(source, bytes);
  const stored = await store.put('runs/1/student', source, promised);
  await store.localCopy(stored);
  await rm(join(root, 'store/runs/1/student'));
  await writeFile(join(root, 'store/runs/1/student'), 'block v');
  await expect(store.localCopy(stored)).rejects.toMatchObject({
    code: 'artifact-corrupt',
    details: { file: 'runs/1/student' },
  });
});

it('takes empty folders away with the last file in them', async () => {
  const store = new LocalArtifacts(join(root, 'store'));
  const source = join(root, 'source');
  await writeFile(source, bytes);
  await store.put('runs/1/3-4/student', source, promised);
  await store.put('runs/1/plan', source, promised);
  await store.delete('runs/1/3-4/student');
  expect(await readdir(join(root, 'store/runs/1'))).toEqual(['plan']);
  await store.delete('runs/1/plan');
  expect(await readdir(join(root, 'store'))).toEqual([]);
});
