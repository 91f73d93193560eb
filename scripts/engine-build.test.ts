import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { engineBuild } from './engine-build.mjs';

let folder: string;
let root: URL;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-engine-build-'));
  const parts = ['lib/core/tensor', 'lib/compute/engines', 'workers', 'package-lock.json', 'next.config.mjs'];
  for (const path of [...parts, 'scripts/engine-files.mjs']) {
    await cp(new URL(`../${path}`, import.meta.url), join(folder, path), { recursive: true });
  }
  root = pathToFileURL(`${folder}/`);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test('the name of a build is the same for the same sources', async () => {
  expect(await engineBuild(root)).toBe(await engineBuild(root));
  expect(await engineBuild()).toMatch(/^[0-9a-f]{16}$/);
});

test.each([
  'lib/core/tensor/weight-tensors.ts',
  'lib/compute/engines/webgl.ts',
  'workers/wasm-threaded.mjs',
  'package-lock.json',
  'scripts/engine-files.mjs',
])('another %s makes another build', async (path) => {
  const before = await engineBuild(root);
  const file = join(folder, path);
  await writeFile(file, `${await readFile(file, 'utf8')}\n`);
  expect(await engineBuild(root)).not.toBe(before);
});

test('a test that changes makes none', async () => {
  const before = await engineBuild(root);
  await writeFile(join(folder, 'lib/core/tensor/added.test.ts'), 'nothing');
  expect(await engineBuild(root)).toBe(before);
});
