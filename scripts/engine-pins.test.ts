import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { PINS, TENSORFLOW, verifyFile } from './engine-pins.mjs';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'contigua-pins-'));
});
afterEach(() => rm(root, { recursive: true }));
async function file(name: string, text: string) {
  const path = join(root, name);
  await writeFile(path, text);
  return path;
}

it('pins the versions that are set up: the TensorFlow of the script, and the tfjs-node of the installed core', () => {
  const { version } = createRequire(import.meta.url)('@tensorflow/tfjs-core/package.json');
  const names = Object.keys(PINS);
  expect(names).toContain(`tensorflow-tfjs-node-${version}.tgz`);
  expect(names.some((name) => name.startsWith(`tensorflow_cpu-${TENSORFLOW}-cp311-`))).toBe(true);
});

it('takes a pinned file with its bytes alone, and another only where that is allowed', async () => {
  const [pinned = ''] = Object.keys(PINS);
  for (const allowed of [false, true]) {
    await expect(verifyFile(await file(pinned, 'x'), allowed)).rejects.toThrow(/is not the file that was pinned/);
  }
  const other = await file('other.whl', 'x');
  await expect(verifyFile(other, false)).rejects.toThrow(/other\.whl is not pinned.*--allow-unverified/s);
  // sha256 of "x".
  expect(await verifyFile(other, true)).toBe('sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881');
});
