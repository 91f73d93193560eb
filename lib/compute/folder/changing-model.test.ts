/** A model on disk that is read block by block, and replaced by another of the same shapes meanwhile. */
import { cp, mkdir, mkdtemp, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openModel } from '../../core/folder/open-model.ts';
import { openTransformer } from '../../core/model/index.ts';
import { describePerEngine } from '../../core/tensor/test-engines.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import { nodeFiles } from './node-files.ts';

const WEIGHTS = 'diffusion_pytorch_model.safetensors';
let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-changing-'));
  for (const [name, change] of [
    ['model', (bytes: Uint8Array) => bytes],
    ['other', (bytes: Uint8Array) => bytes.fill(1, bytes.length >> 1)],
  ] as const) {
    await mkdir(join(folder, name));
    for (const [path, bytes] of Object.entries((await tinyModel()).files)) {
      await writeFile(join(folder, name, path), path === WEIGHTS ? change(bytes) : bytes);
    }
  }
});
afterEach(() => rm(folder, { recursive: true }));

describePerEngine(['cpu'], 'a model that changes on disk between two blocks', () => {
  test.each<[string, () => Promise<void>]>([
    ['is written over', () => cp(join(folder, 'other', WEIGHTS), join(folder, 'model', WEIGHTS))],
    [
      'is replaced by a file of the same size and time',
      async () => {
        const [from, to] = [join(folder, 'other', WEIGHTS), join(folder, 'model', WEIGHTS)];
        const { atime, mtime } = await stat(to);
        await utimes(from, atime, mtime);
        await rename(from, to);
      },
    ],
    ['is removed', () => rm(join(folder, 'model', WEIGHTS))],
  ])('and %s is an error that names the file, and never half of each', async (_, change) => {
    // To the millisecond, so that the time can be set again.
    await utimes(join(folder, 'model', WEIGHTS), 1_700_000_000, 1_700_000_000);
    const files = await nodeFiles.openFolder(`${pathToFileURL(join(folder, 'model')).href}/`);
    const model = await openModel({ files, name: 'm' });
    const transformer = await openTransformer(model.config, model.checkpoint, { residentBytes: 0 });
    const tensors = tf.memory().numTensors;
    (await transformer.readBlock(0)).dispose();
    await change();
    for (const block of [1, 0]) {
      const reading = transformer.readBlock(block);
      await expect(reading).rejects.toMatchObject({ code: 'source-changed' });
      await expect(reading).rejects.toThrow(/diffusion_pytorch_model\.safetensors: The file changed on the disk/);
    }
    expect(tf.memory().numTensors).toBe(tensors);
    transformer.dispose();
  });
});

test('a file that is written again is another version of it', async () => {
  const url = `${pathToFileURL(join(folder, 'model')).href}/`;
  const versions = async () => {
    const { checkpoint } = await openModel({ files: await nodeFiles.openFolder(url), name: 'm' });
    return checkpoint.files.map(({ version }) => version);
  };
  await utimes(join(folder, 'model', WEIGHTS), 1_700_000_000, 1_700_000_000);
  const before = await versions();
  expect(before).toEqual(['1700000000000000000']);
  await cp(join(folder, 'model', WEIGHTS), join(folder, 'again'));
  await cp(join(folder, 'again'), join(folder, 'model', WEIGHTS));
  expect(await versions()).not.toEqual(before);
});
