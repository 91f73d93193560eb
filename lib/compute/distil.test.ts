import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runEdit } from '../core/edit/index.ts';
import { DEFAULT_DISTIL, DEFAULT_FINE_TUNE, type DistilProgress } from '../core/run/index.ts';
import { tinyModel } from '../testing/tiny-model.ts';
import { nodeEngines } from './engines/node-engines.ts';
import { nodeFiles } from './folder/node-files.ts';
import type { ModelSource, Tasks } from './protocol.ts';
import { createTasks } from './tasks.ts';

const INTERVAL = { first: 0, last: 1 };
const distil = { ...DEFAULT_DISTIL, steps: 4, batch: 2, warmupSteps: 1, heldOutSamples: 2, checkpointEvery: 2 };
const fineTune = { ...DEFAULT_FINE_TUNE, steps: 3, batch: 2, warmupSteps: 1 };

let folder: string;
let tasks: ReturnType<typeof createTasks>;
const seen: DistilProgress[] = [];
const context = {
  signal: new AbortController().signal,
  onProgress: ({ partial }: { partial?: DistilProgress }) => {
    if (partial) seen.push(partial);
  },
};
const urlOf = (name: string) => pathToFileURL(join(folder, name)).href;
const student = (name = 'trained') => ({
  ...INTERVAL,
  on: 'run' as const,
  by: 'student' as const,
  file: { path: 'student.safetensors', url: `${urlOf(name)}/student.safetensors` },
});

async function distilInto(name: string, changes: Partial<Tasks['distil']['input']> = {}) {
  return await tasks.distil(
    {
      edit: runEdit(INTERVAL, 'student'),
      settings: distil,
      data: { kind: 'synthetic' },
      cache: { url: urlOf('states'), sizeBytes: 1 << 24, keep: [1] },
      before: [],
      resume: null,
      saveTo: urlOf(name),
      ...changes,
    },
    context,
  );
}

async function tried(changes: Partial<Tasks['tryEdits']['input']>) {
  return await tasks.tryEdits(
    {
      edits: [],
      probes: null,
      fineTuned: null,
      pictures: 2,
      steps: 2,
      guidance: 2,
      seed: 1,
      data: { kind: 'synthetic' },
      ...changes,
    },
    { ...context, onProgress: () => {} },
  );
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-distil-'));
  tasks = createTasks({ engines: nodeEngines(), files: nodeFiles });
  await tasks.startEngine({ wanted: 'wasm' }, { ...context, onProgress: () => {} });
  const { files } = await tinyModel();
  const source: ModelSource = {
    kind: 'files',
    name: 'tiny',
    files: Object.entries(files).map(([path, bytes]) => ({ path: `transformer/${path}`, blob: new Blob([bytes]) })),
  };
  await tasks.openModel({ source }, { ...context, onProgress: () => {} });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('an interval is distilled into files, and the same settings give the same file', async () => {
  for (const name of ['trained', 'again', 'states', 'tuned', 'resumed']) await mkdir(join(folder, name));
  const first = await distilInto('trained');
  expect(seen.map(({ kind }) => kind).filter((kind) => kind !== 'steps')).toEqual([
    'baselines',
    'held-out',
    'checkpoint',
    'held-out',
  ]);
  const again = await distilInto('again', { cache: null });
  expect(again.student.sha256).toBe(first.student.sha256);
  const checkpoint = seen.find((progress) => progress.kind === 'checkpoint');
  if (checkpoint?.kind !== 'checkpoint') throw new Error('No checkpoint was reported');
  const resume = { path: 'state', url: checkpoint.file.url };
  expect((await distilInto('resumed', { resume })).student.sha256).toBe(first.student.sha256);
});

test('cached teacher states with a flipped bit are computed again, and change nothing', async () => {
  const [origin = ''] = await readdir(join(folder, 'states'));
  const cached = (await readdir(join(folder, 'states', origin))).filter((name) => name.endsWith('.f32'));
  expect(cached.length).toBeGreaterThan(1);
  const sound = new Map<string, Buffer>();
  for (const name of cached) {
    const path = join(folder, 'states', origin, name);
    const bytes = await readFile(path);
    sound.set(path, Buffer.from(bytes));
    // The exponent of one value.
    bytes[403] = (bytes[403] ?? 0) ^ 0x40;
    await writeFile(path, bytes);
  }
  const { student: again } = await distilInto('states-damaged');
  expect(again.sha256).toBe((await distilInto('states-none', { cache: null })).student.sha256);
  for (const [path, bytes] of sound) expect((await readFile(path)).equals(bytes)).toBe(true);
});

test('a checkpoint of another training is refused, naming both', async () => {
  const checkpoint = seen.find((progress) => progress.kind === 'checkpoint');
  if (checkpoint?.kind !== 'checkpoint') throw new Error('No checkpoint was reported');
  const resume = { path: 'state-2.safetensors', url: checkpoint.file.url };
  await expect(distilInto('resumed', { resume, settings: { ...distil, seed: 9 } })).rejects.toMatchObject({
    code: 'training-state-invalid',
    details: { file: 'state-2.safetensors', expected: expect.stringContaining('"seed":9') },
  });
});

test('plugged students change the output, the teacher alone does not, and a model that cannot draw has no facts', async () => {
  const teacher = await tried({});
  expect(teacher).toMatchObject({ outputError: 0, facts: null, drawings: [] });
  const plugged = await tried({ edits: [student()] });
  expect(plugged.outputError).toBeGreaterThan(0);
  const removed = await tried({ edits: [{ ...INTERVAL, on: 'run', by: 'nothing' }] });
  expect(removed.outputError).toBeGreaterThan(0);
  expect(removed.outputError).not.toBe(plugged.outputError);
});

test('the whole student is fine-tuned, and comes closer to the teacher than it was', async () => {
  const settings = { ...fineTune, steps: 40 };
  const tuned = await tasks.fineTune(
    { edits: [student()], settings, data: { kind: 'synthetic' }, resume: null, saveTo: urlOf('tuned') },
    context,
  );
  const fineTuned = { path: 'fine-tuned.safetensors', url: tuned.student.url };
  const before = await tried({ edits: [student()] });
  const after = await tried({ edits: [student()], fineTuned });
  expect(after.outputError).toBeLessThan(before.outputError);
});

test('a student of another teacher is refused', async () => {
  const other = await tinyModel((tensors) =>
    tensors.map((tensor) =>
      tensor.name === 'img_in.weight' ? { ...tensor, bytes: tensor.bytes.map((byte) => byte ^ 1) } : tensor,
    ),
  );
  const files = Object.entries(other.files).map(([path, bytes]) => ({
    path: `transformer/${path}`,
    blob: new Blob([bytes]),
  }));
  await tasks.openModel({ source: { kind: 'files', name: 'other', files } }, { ...context, onProgress: () => {} });
  await expect(tried({ edits: [student()] })).rejects.toMatchObject({ code: 'plan-mismatch' });
});

test('training is refused on WebGL, by name', async () => {
  const report = { name: 'webgl', device: 'a processor', threads: null, why: '', candidates: [] } as const;
  const check = async () => ({ maxAbsError: 0, tolerance: 1, keptFromMs: null });
  const engines = { start: async () => report, check, isLost: () => false, onLost: () => {} };
  const { startEngine, distil: train, fineTune: tune } = createTasks({ engines, files: nodeFiles });
  await startEngine({ wanted: 'webgl' }, context);
  const refusal = { code: 'engine-unavailable', message: expect.stringMatching(/webgl computes no training.*wasm/) };
  const shared = { data: { kind: 'synthetic' }, resume: null, saveTo: urlOf('never') } as const;
  const input = { ...shared, edit: runEdit(INTERVAL, 'student'), settings: distil, cache: null, before: [] };
  await expect(train(input, context)).rejects.toMatchObject(refusal);
  await expect(tune({ ...shared, edits: [], settings: fineTune }, context)).rejects.toMatchObject(refusal);
});
