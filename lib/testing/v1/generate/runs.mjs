/**
 * Makes real runs with version 1's code on the embedded database: `node lib/testing/v1/generate/runs.mjs WORK`, after
 * models.mjs, reports.sh and plans.sh have filled WORK. Writes WORK/data (database, artifacts), WORK/export and
 * WORK/runs.json. pack-runs.mjs makes the committed files from them.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { register } from 'tsx/esm/api';

register();
const { createBackend } = await import('../../../server/create-backend.ts');
const { readEnv } = await import('../../../server/env.ts');
const { DEFAULT_DISTIL, DEFAULT_FINE_TUNE } = await import('../../../core/run/index.ts');
const { parsePlan } = await import('../../../core/plan/index.ts');

const work = resolve(process.argv[2] ?? '');
const repository = fileURLToPath(new URL('../../../..', import.meta.url));
const dataFolder = join(work, 'data');
const variables = {
  CONTIGUA_DATA: dataFolder,
  CONTIGUA_MODELS: `bundled=${join(repository, 'public', 'models')}:earlier=${join(work, 'models')}`,
  CONTIGUA_ENGINE: 'wasm',
};
const TINY = 'earlier/shapes-tiny';
const SAMPLE = 'bundled/shapes-mmdit';
const planOf = async (name) => parsePlan(await readFile(join(work, 'plans', `${name}.json`), 'utf8'), name);

await rm(dataFolder, { recursive: true, force: true });

// The finished run, from the terminal.
const command = await readFile(new URL('../runs/distil-command.txt', import.meta.url), 'utf8');
const ended = spawnSync(process.execPath, [join(repository, 'bin', 'contigua.mjs'), ...command.trim().split(' ')], {
  cwd: work,
  env: { ...process.env, ...variables },
  encoding: 'utf8',
});
console.log(ended.stdout, ended.stderr);
if (ended.status !== 0) throw new Error('contigua distil failed');

// A calibration as the page's upload leaves it, and another that goes away before it is read.
const tiny = await planOf('calibration-file');
const sample = await planOf('detected');
const bytes = await readFile(join(work, 'models', 'calibration.safetensors'));
const sha256 = createHash('sha256').update(bytes).digest('hex');
const upload = async (fingerprint, name) => {
  const shelf = fingerprint.slice('sha256:'.length, 'sha256:'.length + 16);
  await mkdir(join(dataFolder, 'uploads', shelf), { recursive: true });
  await writeFile(join(dataFolder, 'uploads', shelf, name), bytes);
  return `uploads/${shelf}/${name}`;
};
const calibration = await upload(tiny.model.fingerprint, `calibration-${sha256.slice(0, 8)}.safetensors`);
const gone = await upload(sample.model.fingerprint, 'gone-00000000.safetensors');

const until = async (backend, id, wanted) => {
  for (;;) {
    const view = await backend.viewRun(id);
    if (wanted(view)) return view;
    await new Promise((go) => setTimeout(go, 10));
  }
};
const settings = (distil, more = {}) => ({
  data: { kind: 'shapes' },
  distil: { ...DEFAULT_DISTIL, ...distil },
  fineTune: null,
  engine: 'wasm',
  cacheBytes: 0,
  ...more,
});

const idle = await createBackend(readEnv({ ...variables, CONTIGUA_SLOTS: '0' }));
const failed = await idle.createRun({
  name: 'Failed',
  modelId: SAMPLE,
  plan: sample,
  settings: settings(
    { loss: 'direction', schedule: 'constant', weightDecay: 0, clipNorm: null, seed: 4_294_967_295 },
    { data: { kind: 'file', path: gone }, engine: 'auto' },
  ),
});
await idle.close();
await rm(join(dataFolder, gone));

const backend = await createBackend(readEnv({ ...variables, CONTIGUA_SLOTS: '1', CONTIGUA_THREADS: '1' }));
await until(backend, failed, ({ state }) => state === 'failed');

const [finished] = (await backend.listRuns()).filter(({ name }) => name === 'Finished');
for (const plugged of [[], ['0-1'], ['3-5'], ['0-1', '3-5']]) await backend.trySubset(finished.id, plugged, false);
await until(backend, finished.id, ({ subsets }) => subsets.length === 5);

// Long enough to be caught between two checkpoints.
const paused = await backend.createRun({
  name: 'Paused',
  modelId: TINY,
  plan: { ...tiny },
  settings: settings(
    {
      loss: 'mse',
      start: 'best',
      steps: 240,
      batch: 2,
      accumulation: 2,
      distinctBatches: 3,
      learningRate: 2e-3,
      warmupSteps: 2,
      ema: 0.9,
      seed: 7,
      heldOutSamples: 4,
      heldOutEvery: 40,
      checkpointEvery: 40,
    },
    {
      data: { kind: 'file', path: calibration },
      fineTune: { ...DEFAULT_FINE_TUNE, train: 'students', steps: 4, batch: 2, warmupSteps: 1, checkpointEvery: 2 },
    },
  ),
});
await until(backend, paused, ({ jobs }) => jobs.some(({ checkpointStep }) => checkpointStep >= 80));
await backend.pauseRun(paused);

const cancelled = await backend.createRun({
  name: 'Cancelled',
  modelId: SAMPLE,
  plan: sample,
  settings: settings({ loss: 'direction-l1', steps: 100_000, batch: 2, heldOutSamples: 4, checkpointEvery: 100_000 }),
});
await until(backend, cancelled, ({ jobs }) => jobs.some(({ step }) => step > 0));
await backend.cancelRun(cancelled);
await backend.trySubset(cancelled, [], false);
await until(backend, cancelled, ({ subsets }) => subsets.length === 1);

const { workers } = await backend.status();
await new Promise((go) => setTimeout(go, 10_000)); // the sweep deletes what no run needs
const views = Object.fromEntries(
  await Promise.all(
    Object.entries({ finished: finished.id, paused, failed, cancelled }).map(async ([name, id]) => [
      name,
      await backend.viewRun(id),
    ]),
  ),
);
await backend.close();
await writeFile(join(work, 'runs.json'), JSON.stringify({ views, workers }, null, 2));
for (const [name, { id, state, jobs }] of Object.entries(views)) {
  console.log(
    name,
    id,
    state,
    jobs
      .map(
        ({ key, state, step, checkpointStep, error }) => `${key} ${state} ${step} (${checkpointStep}) ${error ?? ''}`,
      )
      .join('; '),
  );
}
