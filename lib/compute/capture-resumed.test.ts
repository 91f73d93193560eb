import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { nodeEngines } from './engines/node-engines.ts';
import type { FileHost } from './folder/file-host.ts';
import { nodeFiles } from './folder/node-files.ts';
import { createTasks } from './tasks.ts';

const MODEL = new URL('../testing/models/flux', import.meta.url).href;
const NAMES = ['boundaries.safetensors', 'calibration.safetensors', 'trace.safetensors'];
const calibration = { kind: 'synthetic', samples: 12, timesteps: 4, seed: 3 } as const;
const asked = { calibration, rows: 40, dtype: 'F32', intervals: '0-1,4-5' } as const;

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-capture-'));
});
afterEach(() => rm(folder, { recursive: true }));

const at = (name: string) => pathToFileURL(join(folder, name)).href;
const states = () => ({ url: at('states'), sizeBytes: 1e9 });

/** As a new process has it, and the states that it stores. */
async function started() {
  const created: string[] = [];
  const files: FileHost = {
    ...nodeFiles,
    async openStates(...where) {
      const store = await nodeFiles.openStates(...where);
      return {
        ...store,
        get usage() {
          return store.usage;
        },
        create: async (key, ...shape) => {
          created.push(key);
          await store.create(key, ...shape);
        },
      };
    },
  };
  const tasks = createTasks({ engines: nodeEngines(), files });
  await tasks.startEngine({ wanted: 'cpu' }, never());
  await tasks.openModel({ source: { kind: 'url', url: MODEL, name: 'flux' } }, never());
  return { tasks, created };
}

const never = () => ({ signal: new AbortController().signal, onProgress: () => {} });

async function bytesOf(name: string): Promise<string[]> {
  expect((await readdir(join(folder, name))).sort()).toEqual(NAMES);
  return await Promise.all(NAMES.map(async (file) => (await readFile(join(folder, name, file))).toString('base64')));
}

async function stoppedAfter(block: number, own: object): Promise<void> {
  const stop = new AbortController();
  const { tasks } = await started();
  const context = {
    signal: stop.signal,
    onProgress: ({ done }: { readonly done: number }) => {
      if (done === block + 1) stop.abort();
    },
  };
  await expect(
    tasks.capture({ ...asked, saveTo: at('again'), states: states(), ...own }, context),
  ).rejects.toMatchObject({ code: 'cancelled' });
}

it.each([
  ['states of batches on the engine', {}],
  ['states of batches in the store', { limits: { engineBytes: 0 } }],
])('a stopped capture goes on from what is stored, to the same bytes, with %s', async (_, own) => {
  const { tasks } = await started();
  await tasks.capture({ ...asked, saveTo: at('whole') }, never());
  const expected = await bytesOf('whole');

  await stoppedAfter(3, own);
  expect(await readdir(join(folder, 'again'))).toEqual(['calibration.safetensors']);
  const { tasks: resumed, created } = await started();
  const seen: number[] = [];
  await resumed.capture(
    { ...asked, saveTo: at('again'), states: states(), ...own },
    { ...never(), onProgress: ({ done }) => seen.push(done) },
  );
  expect(await bytesOf('again')).toEqual(expected);
  expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7]);
  const blocks = created.flatMap((key) => /^image\/(-?\d+)$/.exec(key)?.[1] ?? []);
  expect(blocks).toEqual(['4', '5', '6']);
  expect(created.filter((key) => key.startsWith('whole/'))).toEqual(['whole/image-5', 'whole/text-5']);

  // What was stored is gone once the files are there.
  const left = await readdir(join(folder, 'states'), { recursive: true, withFileTypes: true });
  expect(left.filter((entry) => entry.isFile()).map(({ name }) => name)).toEqual([]);
});

it('a capture that was killed while its files were written runs no block again', async () => {
  const { tasks } = await started();
  await tasks.capture({ ...asked, saveTo: at('whole') }, never());
  const failing: FileHost = {
    ...nodeFiles,
    async saveFile(url, parts) {
      if (!url.endsWith('trace.safetensors')) return await nodeFiles.saveFile(url, parts);
      // The header and the samples, groups and times of the rows come before any state.
      let left = 10;
      for await (const _ of parts) if (--left === 0) throw new Error('killed');
      throw new Error('All was written');
    },
  };
  const first = createTasks({ engines: nodeEngines(), files: failing });
  await first.startEngine({ wanted: 'cpu' }, never());
  await first.openModel({ source: { kind: 'url', url: MODEL, name: 'flux' } }, never());
  const stored = first.capture({ ...asked, saveTo: at('again'), states: states() }, never());
  await expect(stored).rejects.toThrow('killed');
  const { tasks: resumed, created } = await started();
  await resumed.capture({ ...asked, saveTo: at('again'), states: states() }, never());
  expect(await bytesOf('again')).toEqual(await bytesOf('whole'));
  expect(created.filter((key) => key.startsWith('image/'))).toEqual([]);
});

it('memory that is too little is refused with the least that would do, which does', async () => {
  const { tasks } = await started();
  for (const place of [undefined, states()]) {
    const estimate = (memoryBytes: number) => tasks.estimateCapture({ ...asked, states: place, memoryBytes }, never());
    const refused = await estimate(1e6).catch((thrown: unknown) => thrown);
    expect(refused).toMatchObject({ code: 'too-large', details: { found: '1 MB allowed' } });
    const { expected = '', hint = '' } = (refused as { details: { expected?: string; hint?: string } }).details;
    expect(hint.includes('--states')).toBe(!place);
    const [, size, unit] = /at least ([\d.]+) ([MG])B/.exec(expected)!;
    // The process has grown by what the measurement took.
    const { memoryBytes, writtenBytes, limits } = await estimate(1.3 * Number(size) * (unit === 'G' ? 1e9 : 1e6));
    expect(memoryBytes).toBeGreaterThan(1e6);
    expect(limits.engineBytes).toBeGreaterThan(0);
    const { trace, boundaries } = await tasks.capture({ ...asked, saveTo: at('files'), states: place }, never());
    const sizes = trace.sizeBytes + boundaries!.sizeBytes;
    expect(writtenBytes / sizes).toBeGreaterThan(0.6);
    expect(writtenBytes / sizes).toBeLessThan(1.1);
  }
});
