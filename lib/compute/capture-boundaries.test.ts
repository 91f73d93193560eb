import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileDigits } from '../core/checkpoint/index.ts';
import { assertBoundariesFit, openBoundaries, readBoundary } from '../core/trace/index.ts';
import { nodeEngines } from './engines/node-engines.ts';
import { nodeFiles } from './folder/node-files.ts';
import type { Progress } from './protocol.ts';
import type { CallContext } from './serve.ts';
import { createTasks } from './tasks.ts';

const TESTING = new URL('../testing/', import.meta.url);
const never = (): CallContext<never> => ({ signal: new AbortController().signal, onProgress: () => {} });

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-boundaries-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function opened(family: string) {
  const tasks = createTasks({ engines: nodeEngines(), files: nodeFiles });
  await tasks.startEngine({ wanted: 'wasm' }, never());
  const source = { kind: 'url', url: new URL(`models/${family}`, TESTING).href, name: family } as const;
  const summary = await tasks.openModel({ source }, never());
  const inputs = new URL(`traces/${family}/calibration.safetensors`, TESTING);
  const calibration = { kind: 'file', file: { path: 'inputs.safetensors', url: inputs.href } } as const;
  return { tasks, summary, calibration };
}

const openedFile = async (path: string) =>
  await openBoundaries(await nodeFiles.openFile(pathToFileURL(path).href, 'boundaries.safetensors'));

describe('states around intervals', () => {
  // qwen-image: text of different lengths, padded.
  it.each(['qwen-image', 'flux'])('are those that the capture tool writes: %s', async (family) => {
    const { tasks, summary, calibration } = await opened(family);
    const out = join(folder, family);
    const request = { rows: 64, dtype: 'F32', intervals: '1-2', saveTo: pathToFileURL(out).href } as const;
    // What a capture that was killed leaves: states of another number of samples.
    const left = await nodeFiles.openStates(request.saveTo, Number.POSITIVE_INFINITY, 'boundaries.safetensors');
    await left.create('whole/image-0', 1, 16);
    await left.write('whole/image-0', 0, new Float32Array(16));
    await left.seal('whole/image-0');
    await left.dispose();
    const { boundaries } = await tasks.capture({ calibration, ...request }, never());
    // The folder in which states waited is gone.
    expect((await readdir(out)).sort()).toEqual([
      'boundaries.safetensors',
      'calibration.safetensors',
      'trace.safetensors',
    ]);
    const own = await openedFile(fileURLToPath(boundaries!.url));
    const theirs = await openedFile(fileURLToPath(new URL(`traces/${family}/boundaries.safetensors`, TESTING)));
    expect(own).toMatchObject({
      intervals: [{ first: 1, last: 2 }],
      samples: theirs.samples,
      tokens: theirs.tokens,
      dtype: 'F32',
    });
    expect([...own.checkpoint.tensors.keys()].sort()).toEqual([...theirs.checkpoint.tensors.keys()].sort());
    const samples = Array.from({ length: own.samples }, (_, sample) => sample);
    for (const { id } of own.model.streams) {
      for (const block of [0, 2]) {
        const [a, b] = await Promise.all([own, theirs].map((file) => readBoundary(file, id, block, samples)));
        const largest = b!.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
        const worst = b!.reduce((most, value, i) => Math.max(most, Math.abs(a![i]! - value)), 0);
        expect(worst / largest).toBeLessThan(1e-4);
      }
    }
    const { blob } = await nodeFiles.openFile(pathToFileURL(join(out, 'calibration.safetensors')).href, 'data');
    const data = { name: 'calibration.safetensors', digits: await fileDigits(blob) };
    const wanted = { fingerprint: summary.fingerprint, intervals: [{ first: 1, last: 2 }], data };
    expect(() => assertBoundariesFit(own, wanted)).not.toThrow();
  });

  it('leave nothing behind when the capture is stopped', async () => {
    const { tasks, calibration } = await opened('flux');
    const own = new AbortController();
    const out = join(folder, 'stopped');
    const stopped = tasks.capture(
      { calibration, rows: 64, dtype: 'F32', intervals: '0-2,4-5', saveTo: pathToFileURL(out).href },
      { signal: own.signal, onProgress: ({ done }: Progress) => void (done === 3 && own.abort()) },
    );
    await expect(stopped).rejects.toThrow('Stopped');
    expect(await readdir(out)).toEqual(['calibration.safetensors']);
  });

  it('are refused outside the model, before anything is written', async () => {
    const { tasks, calibration } = await opened('flux');
    const saveTo = pathToFileURL(join(folder, 'outside')).href;
    const asked = { calibration, rows: 64, dtype: 'F32', intervals: '5-9', saveTo } as const;
    await expect(tasks.capture(asked, never())).rejects.toThrow(/intervals/);
    await expect(readdir(join(folder, 'outside'))).rejects.toThrow('ENOENT');
  });
});
