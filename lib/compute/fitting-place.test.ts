/** Maps that are fitted for a choice wait where the task says, and so do the states that they are fitted on. */
import { beforeAll, expect, it } from 'vitest';
import { DEFAULT_RIDGE } from '../core/analysis/index.ts';
import { memoryStates, type StateStore } from '../core/states/index.ts';
import { tinyModel } from '../testing/tiny-model.ts';
import { nodeEngines } from './engines/node-engines.ts';
import { nodeFiles } from './folder/node-files.ts';
import type { FittingPlace, ProbeSource, Tasks } from './protocol.ts';
import { createTasks } from './tasks.ts';

const PROBES: ProbeSource = {
  calibration: { kind: 'synthetic', samples: 6, timesteps: 3, seed: 4 },
  ridge: DEFAULT_RIDGE,
  split: 'prompt-groups',
};
const NARROW = { on: 'ffn', block: 0, stream: 'image', by: 'linear' } as const;
const EDITS = [{ on: 'run', first: 0, last: 1, by: 'probes' }, NARROW] as const;
const place = (limits?: FittingPlace['limits']): FittingPlace => ({
  states: { url: 'file:///maps/', sizeBytes: 2 ** 30 },
  limits,
});
const context = { signal: new AbortController().signal, onProgress() {} };

let files: Awaited<ReturnType<typeof tinyModel>>['files'];
beforeAll(async () => {
  ({ files } = await tinyModel());
});

/** Its stores tell what was created in them; it saves no files. */
async function session() {
  const created: string[] = [];
  const stores: StateStore[] = [];
  const tasks = createTasks({
    engines: nodeEngines(),
    files: {
      ...nodeFiles,
      async openStates() {
        const store = memoryStates();
        stores.push(store);
        return {
          ...store,
          async create(key, rows, width) {
            created.push(key);
            await store.create(key, rows, width);
          },
          get usage() {
            return store.usage;
          },
        };
      },
      async saveFile(url, parts) {
        let sizeBytes = 0;
        for await (const { length } of parts) sizeBytes += length;
        return { url, sizeBytes } as Awaited<ReturnType<typeof nodeFiles.saveFile>>;
      },
    },
  });
  await tasks.startEngine({ wanted: 'wasm' }, context);
  const blobs = Object.entries(files).map(([path, bytes]) => ({
    path: `transformer/${path}`,
    blob: new Blob([bytes]),
  }));
  await tasks.openModel({ source: { kind: 'files', files: blobs, name: 'tiny' } }, context);
  return { ...tasks, created, stores };
}

it('measures a choice alike with its maps in memory and in a folder, and with its states there too', async () => {
  const { choice, created, stores } = await session();
  const measured = async (where: FittingPlace) => await choice({ edits: EDITS, probes: PROBES, ...where }, context);
  const inMemory = await measured({});
  expect(inMemory.outputError).toBeGreaterThan(0);
  expect(stores).toEqual([]);
  expect(await measured(place())).toEqual(inMemory);
  expect(created.filter((key) => key.startsWith('map/'))).toEqual(['map/choice/0-img_ffn_proj']);
  expect(created).toContain('image/run-0-1');
  expect(created.some((key) => key.startsWith('lane/') || key.startsWith('pass/'))).toBe(false);
  // What is at hand is not fitted again.
  const before = created.length;
  expect(await measured(place())).toEqual(inMemory);
  expect([created.length, stores.length]).toEqual([before, 1]);
});

it('lets states wait in the folder that are more than may wait on the engine', async () => {
  const asked: Tasks['fitWidth']['input'] = { edits: [NARROW], probes: PROBES, saveTo: 'file:///out/' };
  const roomy = await session();
  const expected = {
    choice: await roomy.choice({ edits: EDITS, probes: PROBES }, context),
    ...(await roomy.fitWidth(asked, context)),
  };
  const { choice, fitWidth, created, stores } = await session();
  const tight = place({ engineBytes: 1000 });
  expect(await choice({ edits: EDITS, probes: PROBES, ...tight }, context)).toEqual(expected.choice);
  const waiting = created.filter((key) => /^(lane|pass)\//.test(key));
  expect(new Set(waiting.map((key) => key.slice(0, 4)))).toEqual(new Set(['lane', 'pass']));
  const { fitted, maps } = await fitWidth({ ...asked, ...tight }, context);
  expect([fitted, maps]).toEqual([expected.fitted, expected.maps]);
  expect(maps.sizeBytes).toBeGreaterThan(0);
  for (const key of waiting) expect(await stores[0]?.shape(key), key).toBeNull();
});

it('forgets what waits in a folder with the model that it is of', async () => {
  const { choice, openModel, stores } = await session();
  await choice({ edits: EDITS, probes: PROBES, ...place() }, context);
  expect(stores[0]?.usage.memoryBytes).toBeGreaterThan(0);
  const blobs = Object.entries(files).map(([path, bytes]) => ({
    path: `transformer/${path}`,
    blob: new Blob([bytes]),
  }));
  await openModel({ source: { kind: 'files', files: blobs, name: 'again' } }, context);
  expect(stores[0]?.usage.memoryBytes).toBe(0);
});
