/**
 * A data folder and a PostgreSQL database that version 1 left, with a run in every state it can rest in, open and mean the
 * same; the paused run goes on from its checkpoint, and the terminal finds the finished one again.
 */
import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunView } from '../../../core/run/index.ts';
import type { Backend } from '../../../server/backend.ts';
import { createBackend } from '../../../server/create-backend.ts';
import { readEnv } from '../../../server/env.ts';
import { makePostgres, type TestPostgres, whyNoPostgres } from '../../../server/proof/postgres.ts';
import { planFacts } from '../plans/reading.ts';
import { jsonOf, textOf } from '../read-fixture.ts';
import { type EarlierData, earlierData, loadDump } from './data-folder.ts';
import { RUNS, type RunName, runFacts, runIds } from './reading.ts';

type Facts = Readonly<Record<RunName, Awaited<ReturnType<typeof runFacts>>>>;
const facts = jsonOf<Facts>('runs/facts.json.gz');
const BIN = fileURLToPath(new URL('../../../../bin/contigua.mjs', import.meta.url));
const LONG_MS = 600_000;

async function until(backend: Backend, id: string, wanted: (view: RunView) => boolean): Promise<RunView> {
  for (;;) {
    const view = await backend.viewRun(id);
    if (wanted(view)) return view;
    await new Promise((go) => setTimeout(go, 60));
  }
}

describe.each([
  { database: 'the embedded database', embedded: true },
  { database: 'PostgreSQL', embedded: false },
])('$database of version 1', { timeout: LONG_MS }, ({ embedded }) => {
  const reason = embedded ? null : whyNoPostgres();
  if (reason !== null) console.warn(`PostgreSQL of version 1 is not opened: ${reason}`);
  let data: EarlierData;
  let postgres: TestPostgres | null = null;
  let backend: Backend;
  let ids: Readonly<Record<RunName, string>>;

  beforeAll(async () => {
    if (reason !== null) return;
    data = await earlierData(embedded);
    let url: string | undefined;
    if (!embedded) {
      postgres = await makePostgres();
      url = await postgres.database('earlier');
      await loadDump(url);
    }
    const env = { ...data.variables, CONTIGUA_SLOTS: '0', ...(url && { DATABASE_URL: url }) };
    backend = await createBackend(readEnv(env));
    ids = await runIds(backend);
  }, LONG_MS);
  afterAll(async () => {
    await backend?.close();
    await postgres?.remove();
    await data?.remove();
  });

  it.skipIf(reason !== null)('lists its runs', async () => {
    const all = await backend.listRuns();
    expect(all.map(({ name, state, modelName, intervals, done }) => [name, state, modelName, intervals, done])).toEqual(
      [
        ['Cancelled', 'cancelled', 'shapes-mmdit', 3, 0],
        ['Paused', 'paused', 'shapes-tiny', 2, 0],
        ['Failed', 'failed', 'shapes-mmdit', 3, 0],
        ['Finished', 'done', 'shapes-tiny', 2, 2],
      ],
    );
  });

  it.skipIf(reason !== null).each(RUNS)('has the same run: %s', async (name) => {
    const read: unknown = JSON.parse(JSON.stringify(await runFacts(backend, ids[name])));
    // Version 1 kept the plan that the run was asked for. A run's plan says what the run does: it trains students.
    expect(facts[name].plan.replacement).toBe('removed');
    expect(read).toEqual({ ...facts[name], plan: { ...facts[name].plan, replacement: 'students' } });
  });

  it.skipIf(reason !== null)('has the models that its runs were made with', async () => {
    for (const name of RUNS) {
      const folder = await backend.teacherFolder(ids[name]);
      expect(folder).toContain(facts[name].model.name);
    }
  });

  it.skipIf(reason !== null)('knows a subset that was tried, and does not measure it again', async () => {
    await backend.trySubset(ids.Finished, ['3-5', '0-1'], true);
    await backend.trySubset(ids.Finished, [], false);
    const { state, subsets } = await backend.viewRun(ids.Finished);
    expect([state, subsets.length]).toEqual(['done', 5]);
  });

  it.skipIf(reason !== null)('lets a cancelled and a failed job be tried again', async () => {
    await backend.retryJob(ids.Cancelled, '9-10', false);
    await backend.retryJob(ids.Failed, '11-12', true);
    expect((await backend.viewRun(ids.Cancelled)).jobs.map(({ state }) => state)).toEqual([
      'queued',
      'cancelled',
      'cancelled',
    ]);
    expect((await backend.viewRun(ids.Failed)).jobs.map(({ state }) => state)).toEqual(['failed', 'queued', 'failed']);
  });
});

describe('runs of version 1, as facts', () => {
  it('are these', () => {
    const { Finished, Paused, Failed, Cancelled } = facts;
    expect(Finished.plan.layerIndex).toBe('[[0,1],[3,5]]');
    expect(Finished.jobs.map(({ key, state, step, studentBytes }) => [key, state, step, studentBytes])).toEqual([
      ['0-1', 'done', 6, 42_088],
      ['3-5', 'done', 6, 42_088],
      ['fine-tune', 'done', 4, 127_008],
    ]);
    expect(Finished.subsets.map(({ plugged, fineTuned, blocks }) => [plugged.join(), fineTuned, blocks])).toEqual([
      ['0-1,3-5', true, 3],
      ['', false, 6],
      ['0-1', false, 5],
      ['3-5', false, 4],
      ['0-1,3-5', false, 3],
    ]);
    // Nothing reads the text after the last block: it has no error there.
    expect(Finished.jobs.map(({ baselines }) => baselines && baselines.probes.text === null)).toEqual([
      false,
      true,
      null,
    ]);
    expect(Paused.settings.data).toMatchObject({ kind: 'file' });
    expect(Paused.settings.distil).toMatchObject({ loss: 'mse', start: 'best', ema: 0.9, accumulation: 2, seed: 7 });
    expect(Paused.jobs.map(({ state, step, checkpointStep }) => [state, step, checkpointStep])).toEqual([
      ['paused', 80, 80],
      ['paused', 0, 0],
      ['paused', 0, 0],
    ]);
    expect(Failed.jobs[0]?.error).toMatch(
      /^uploads\/8f93af2a728eb8cf\/gone-00000000\.safetensors: There is no such file/,
    );
    expect(Failed.settings.distil).toMatchObject({ clipNorm: null, schedule: 'constant', seed: 4_294_967_295 });
    expect(Cancelled.subsets[0]?.facts).toEqual({ held: 325, total: 328, pictures: 32 });
    expect(Cancelled.model.fingerprint).toBe('sha256:8f93af2a728eb8cf41415a8805ae743b14c6ad6459473042e43d2988f7ad6a5c');
  });
});

describe('a data folder of version 1', { timeout: LONG_MS }, () => {
  let data: EarlierData;
  beforeAll(async () => {
    data = await earlierData(true);
  }, LONG_MS);
  afterAll(() => data?.remove());

  it('goes on with its paused run, from the checkpoint', async () => {
    const backend = await createBackend(readEnv({ ...data.variables, CONTIGUA_SLOTS: '1', CONTIGUA_THREADS: '1' }));
    try {
      const { Paused: id } = await runIds(backend);
      const before = await backend.curve(id, '0-1');
      await backend.resumeRun(id);
      const view = await until(backend, id, ({ jobs }) => jobs[0]?.state === 'done' || jobs[0]?.state === 'failed');
      const [first, second] = view.jobs;
      // A checkpoint that could not be used would be told in the note.
      expect(first).toMatchObject({ key: '0-1', state: 'done', step: 240, error: null, note: null });
      expect(second).toMatchObject({ key: '3-5', error: null });
      const curve = await backend.curve(id, '0-1');
      expect(curve.map(({ step }) => step)).toEqual(Array.from({ length: 240 }, (_, i) => i + 1));
      // With their durations: they were not made a second time.
      expect(curve.slice(0, 80)).toEqual(before.slice(0, 80));
    } finally {
      await backend.close();
    }
  });

  it('is known to the terminal, where the command that made the finished run exports it again', async () => {
    const { folder, variables } = data;
    await mkdir(join(folder, 'plans'));
    await writeFile(join(folder, 'plans', 'calibration-file.json'), textOf('plans/calibration-file.json'));
    const { code, stderr } = await contigua(textOf('runs/distil-command.txt').trim(), folder, variables);
    expect(stderr).toMatch(/resumes: 3 of 3 done/);
    expect(stderr).not.toMatch(/\brun tp\w+\n/);
    expect(code).toBe(0);
    const plan = planFacts(await readFile(join(folder, 'export', 'plan.json'), 'utf8'), 'plan.json');
    expect([plan.replacement, plan.layerIndex, plan.blocks.after]).toEqual(['students', '[[0,1],[3,5]]', 3]);
  });
});

function contigua(line: string, cwd: string, variables: Readonly<Record<string, string>>) {
  const { DATABASE_URL: _, ...env } = process.env;
  return new Promise<{ code: number | null; stderr: string }>((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...line.split(' ')], { cwd, env: { ...env, ...variables } });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.stdout.resume();
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stderr }));
  });
}
