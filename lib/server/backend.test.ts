import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runsOf } from '../core/edit/index.ts';
import type { RunView } from '../core/run/index.ts';
import type { Backend, NumberedEvent, RunRequest } from './backend.ts';
import { createBackend } from './create-backend.ts';
import { checksums, FINE_TUNE, isDone, makeSetting, type Setting, until } from './proof/setting.ts';

/** Quick enough to wait for, slow enough to be caught in the middle. */
const STEP_MS = 5;
const FEW = { steps: 30, checkpointEvery: 5, heldOutEvery: 10 };
/** Longer than any test waits. */
const ENDLESS = { ...FEW, steps: 100_000 };

let setting: Setting;
let backend: Backend;
beforeAll(async () => {
  setting = await makeSetting({ stepMs: STEP_MS, crashAt: '8-9 12', failAt: '11-13 7' }, { CONTIGUA_QUEUE_LIMIT: '6' });
  backend = await createBackend(setting.env, { ...setting.options, maxLosses: 3 });
}, 600_000);
afterAll(async () => {
  await backend?.close();
  await setting?.remove();
});

/** Of so many of the plan's intervals: 2-3 and 4-6 train, 8-9 kills its process at step 12, 11-13 fails at step 7. */
function request(
  intervals: number | string[],
  steps: Partial<RunRequest['settings']['distil']>,
  more = {},
): RunRequest {
  const whole = setting.request(steps, more);
  const kept = runsOf(whole.plan.edits).filter(({ first, last }, i) =>
    typeof intervals === 'number' ? i < intervals : intervals.includes(`${first}-${last}`),
  );
  return { ...whole, plan: { ...whole.plan, edits: kept } };
}

async function eventsOf(id: string, after = 0): Promise<NumberedEvent[]> {
  const { lastEventId } = await backend.viewRun(id);
  const events: NumberedEvent[] = [];
  const stop = new AbortController();
  for await (const event of backend.follow(id, after, stop.signal)) {
    events.push(event);
    if (event.id >= lastEventId) stop.abort();
  }
  return events;
}

/** A folder that is not there, or goes while it is read, holds nothing. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return [];
    throw thrown;
  });
  const found = entries.map((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
  return (await Promise.all(found)).flat();
}

const states = ({ jobs }: RunView) => jobs.map(({ state }) => state);
const isRunning = ({ jobs }: RunView) => jobs.some(({ state, step }) => state === 'running' && step > 0);

describe('a run', { timeout: 300_000 }, () => {
  it('trains every interval once, then the whole, and tells it in numbered events', async () => {
    const asked = request(2, FEW, { fineTune: FINE_TUNE });
    const id = await backend.createRun(asked);
    const stop = new AbortController();
    const events: NumberedEvent[] = [];
    for await (const event of backend.follow(id, 0, stop.signal)) {
      events.push(event);
      if (event.event.type === 'run' && event.event.state === 'done') stop.abort();
    }
    const view = await backend.viewRun(id);
    expect(view).toMatchObject({ state: 'done', name: 'shapes-mmdit, 16 → 13 blocks', lastEventId: events.length });
    expect(view.jobs.map(({ key, kind, state, step, attempt }) => [key, kind, state, step, attempt])).toEqual([
      ['2-3', 'student', 'done', 30, 1],
      ['4-6', 'student', 'done', 30, 1],
      ['fine-tune', 'fine-tune', 'done', 30, 1],
    ]);
    // The plan says what the run did, whatever it was asked to put there.
    expect(asked.plan.edits.map(({ by }) => by)).toEqual(['nothing', 'nothing']);
    expect(view.plan.edits.map(({ first, last, by }) => ({ on: 'run', first, last, by }))).toEqual(
      view.jobs.flatMap(({ edit }) => edit ?? []),
    );
    expect(view.plan.edits.map(({ by, outputError }) => [by, outputError])).toEqual([
      ['student', null],
      ['student', null],
    ]);
    expect(view.plan.blocks).toEqual({ before: 16, after: 13 });
    expect(view.jobs[0]).toMatchObject({ startBlock: 0, worker: { engine: 'wasm', device: 'fake' }, error: null });
    expect(view.jobs[0]?.heldOut.map(({ step }) => step)).toEqual([0, 10, 20, 30]);
    expect(events.map((event) => event.id)).toEqual(events.map((_, i) => i + 1));
    const done = events.flatMap(({ event }) =>
      event.type === 'job' && event.job.state === 'done' ? [event.job.key] : [],
    );
    expect(done.toSorted()).toEqual(['2-3', '4-6', 'fine-tune']);
    expect(done.at(-1)).toBe('fine-tune');
    for (const key of done) {
      const points = await backend.curve(id, key);
      expect(points.map(({ step }) => step)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
      const told = events.flatMap(({ event }) => (event.type === 'steps' && event.key === key ? event.points : []));
      expect(told).toEqual(points);
    }
    expect((await eventsOf(id, 3))[0]).toEqual(events[3]);
    expect(await backend.listRuns()).toMatchObject([{ id, state: 'done', intervals: 2, done: 2 }]);
  });

  it('pauses with its last step stored, goes on from it and ends with the weights of a run that never paused', async () => {
    const calm = await until(backend, await backend.createRun(request(1, FEW)), isDone);
    await setting.hold(12);
    const id = await backend.createRun(request(1, FEW));
    // Checkpoints are due every ten steps: the two since then would be lost.
    await until(backend, id, ({ jobs }) => jobs[0]?.step === 12);
    await backend.pauseRun(id);
    const paused = await until(backend, id, ({ state }) => state === 'paused');
    await setting.letGo();
    expect(paused.jobs).toMatchObject([{ state: 'paused', step: 12, checkpointStep: 12, stepsPerSecond: null }]);
    await expect(backend.pauseRun(id)).rejects.toMatchObject({ code: 'run-conflict' });
    await backend.resumeRun(id);
    await expect(backend.resumeRun(id)).rejects.toMatchObject({ code: 'run-conflict' });
    const view = await until(backend, id, isDone);
    expect(view.jobs[0]).toMatchObject({ attempt: 2, step: 30 });
    expect(await checksums(backend, view)).toEqual(await checksums(backend, calm));
    const began = (await eventsOf(id)).flatMap(({ event }) =>
      event.type === 'job' && event.job.attempt === 2 && event.job.state === 'running' ? [event.job.step] : [],
    );
    expect(began[0]).toBe(12);
  });

  it('is cancelled, and a cancelled interval can be retried', async () => {
    const id = await backend.createRun(request(1, ENDLESS));
    await until(backend, id, isRunning);
    await backend.cancelRun(id);
    expect(await backend.viewRun(id)).toMatchObject({ state: 'cancelled' });
    await expect(backend.cancelRun(id)).rejects.toMatchObject({ code: 'run-conflict' });
    await backend.retryJob(id, '2-3', true);
    const again = await until(backend, id, (view) => isRunning(view) && view.jobs[0]?.attempt === 2);
    expect(again.state).toBe('running');
    await expect(backend.retryJob(id, '2-3', false)).rejects.toMatchObject({ code: 'run-conflict' });
    await backend.deleteRun(id);
    await expect(backend.viewRun(id)).rejects.toMatchObject({ code: 'run-missing' });
    await expect(eventsOf(id)).rejects.toMatchObject({ code: 'run-missing' });
  });

  it('takes another interval when it is done, keeps the students it has, and trains the whole again', async () => {
    const id = await backend.createRun(request(1, FEW, { fineTune: FINE_TUNE }));
    const before = await checksums(backend, await until(backend, id, isDone));
    await expect(backend.addInterval(id, { first: 3, last: 5 })).rejects.toMatchObject({ code: 'plan-invalid' });
    await backend.addInterval(id, { first: 4, last: 6 });
    const view = await until(backend, id, isDone);
    const after = await checksums(backend, view);
    expect(view.jobs.map(({ key, attempt }) => [key, attempt])).toEqual([
      ['2-3', 1],
      ['4-6', 1],
      ['fine-tune', 2],
    ]);
    expect(after['2-3']).toBe(before['2-3']);
    expect(after['fine-tune']).not.toBe(before['fine-tune']);
    expect(view.plan.edits.map(({ first, last, by }) => [first, last, by])).toEqual([
      [2, 3, 'student'],
      [4, 6, 'student'],
    ]);
    expect(view.plan.blocks).toEqual({ before: 16, after: 13 });
  });

  it('says why an interval failed, leaves the others alone, and does not begin the whole without it', async () => {
    const id = await backend.createRun(request(['2-3', '11-13'], FEW, { fineTune: FINE_TUNE }));
    const view = await until(backend, id, (now) => states(now).join() === 'done,failed,queued');
    expect(view.state).toBe('failed');
    expect(view.jobs[1]).toMatchObject({ attempt: 1, step: 6, error: 'The loss is not finite any more' });
    await expect(backend.openTrained(id, '11-13')).rejects.toMatchObject({ code: 'run-conflict' });
  });

  it('gives up what kills every process that touches it, and says how often it tried', async () => {
    const id = await backend.createRun(request(['8-9'], { ...FEW, checkpointEvery: 20 }));
    const view = await until(backend, id, ({ state }) => state === 'failed');
    expect(view.jobs[0]).toMatchObject({ attempt: 3 });
    expect(view.jobs[0]?.error).toMatch(/SIGKILL.*3 times without reaching another checkpoint/);
    expect(view.jobs[0]?.note).toMatch(/Attempt 1 lost its compute process/);
  });

  it('is refused when its plan is of another model, its data is not there or the queue is full', async () => {
    const good = request(1, FEW);
    const other = { ...good.plan, model: { ...good.plan.model, fingerprint: `sha256:${'0'.repeat(64)}` } };
    await expect(backend.createRun({ ...good, plan: other })).rejects.toMatchObject({ code: 'plan-mismatch' });
    const data = { kind: 'file', path: 'bundled/../../etc/passwd' } as const;
    const settings = { ...good.settings, data };
    await expect(backend.createRun({ ...good, settings })).rejects.toMatchObject({ code: 'path-forbidden' });
    await expect(backend.createRun({ ...good, modelId: 'bundled/none' })).rejects.toMatchObject({
      code: 'checkpoint-incomplete',
    });
    const many = setting.request(ENDLESS, { engine: 'tensorflow' });
    const id = await backend.createRun(many);
    await expect(backend.createRun(many)).rejects.toMatchObject({ code: 'too-many' });
    // No worker has that engine: it waits, and takes no other.
    expect(states(await backend.viewRun(id))).toEqual(['queued', 'queued', 'queued', 'queued']);
    await backend.deleteRun(id);
  });
});

describe('a run on the sample grammar', { timeout: 300_000 }, () => {
  it('says that its noise levels are uniform, as runs of earlier versions do not', async () => {
    const id = await backend.createRun(request(1, ENDLESS, { engine: 'tensorflow', data: { kind: 'shapes' } }));
    expect((await backend.viewRun(id)).settings.data).toEqual({ kind: 'shapes', levels: 'uniform' });
    await backend.deleteRun(id);
  });
});

describe('a run on a calibration file', { timeout: 300_000 }, () => {
  it('says that it holds out whole prompts, as runs of earlier versions do not', async () => {
    // No worker has that engine: nothing reads the file.
    const asked = request(1, ENDLESS, { engine: 'tensorflow' });
    const path = `${asked.modelId}/transformer/diffusion_pytorch_model.safetensors`;
    const id = await backend.createRun({ ...asked, settings: { ...asked.settings, data: { kind: 'file', path } } });
    expect((await backend.viewRun(id)).settings.data).toEqual({ kind: 'file', path, heldOutBy: 'prompt-groups' });
    await backend.deleteRun(id);
  });
});

describe('a choice of students', { timeout: 300_000 }, () => {
  it('is measured once, kept, and forgotten when one of its students is trained again', async () => {
    const id = await backend.createRun(request(2, FEW));
    await expect(backend.trySubset(id, ['2-3'], false)).rejects.toMatchObject({ code: 'run-conflict' });
    await until(backend, id, isDone);
    await backend.trySubset(id, ['4-6', '2-3'], false);
    await backend.trySubset(id, ['2-3'], false);
    await backend.trySubset(id, [], false);
    const view = await until(backend, id, ({ subsets }) => subsets.length === 3);
    expect(view.state).toBe('done');
    const pair = view.subsets.find(({ plugged }) => plugged.length === 2);
    expect(pair).toMatchObject({
      plugged: ['2-3', '4-6'],
      fineTuned: false,
      blocks: 13,
      parameters: 16_000 - 3 * 900,
      outputError: 0.02,
      wholeMs: 10,
      subsetMs: 8,
      pictures: [{ caption: 'a red circle', held: 1, facts: 2 }],
    });
    expect(pair?.pictures[0]?.png).toMatch(/^data:image\/png;base64,iVBORw0KGgo/);
    await backend.trySubset(id, ['2-3', '4-6'], false);
    const events = await eventsOf(id);
    const told = events.flatMap(({ event }) => (event.type === 'subset' ? [event.subset.plugged.join('+')] : []));
    expect(told.toSorted()).toEqual(['', '2-3', '2-3+4-6']);
    await expect(backend.trySubset(id, ['8-9'], false)).rejects.toMatchObject({ code: 'run-missing' });
    await expect(backend.trySubset(id, ['2-3', '4-6'], true)).rejects.toMatchObject({ code: 'run-conflict' });
    await backend.retryJob(id, '4-6', true);
    const after = await backend.viewRun(id);
    expect(after.subsets.map(({ plugged }) => plugged.join('+')).toSorted()).toEqual(['', '2-3']);
  });
});

describe('the backend', { timeout: 300_000 }, () => {
  it('says what it stands on and who works', async () => {
    const status = await backend.status();
    expect(status.database).toBe(`PGlite in ${join(setting.env.dataFolder, 'database')}`);
    expect(status.artifacts).toContain(setting.env.dataFolder);
    expect(status.freeDiskBytes).toBeGreaterThan(0);
    expect(status.workers).toMatchObject([{ engine: 'wasm', slots: 2, alive: true }]);
  });

  it('estimates from shapes and a timed forward, and from measured steps once there are some', async () => {
    const first = await backend.estimate(request(2, { ...FEW, batch: 3 }));
    expect(first.basis).toMatch(/^computed: .* GFLOP\/s of a forward on wasm \(fake\)$/);
    expect(first.seconds).toBeGreaterThan(0);
    expect(first.memoryBytes).toBeGreaterThan(20e6);
    const known = await backend.estimate(request(2, FEW));
    expect(known.basis).toMatch(/^measured: 5\.0 ms per step of an earlier run on wasm/);
    expect(known.seconds).toBeCloseTo((30 * 5) / 1000);
    const { diskBytes } = await backend.estimate(request(2, FEW, { cacheBytes: 2 ** 40 }));
    expect(diskBytes).toBeGreaterThan(known.diskBytes);
  });

  it('leaves no scratch file behind, and deletes what no run needs', async () => {
    for (const { id } of await backend.listRuns()) await backend.deleteRun(id);
    const { dataFolder } = setting.env;
    const left = async () => {
      const files = await Promise.all(['artifacts', 'scratch'].map((name) => filesBelow(join(dataFolder, name))));
      // The job runner keeps this one locked for as long as it lives.
      return files.flat().filter((path) => !/^scratch.[\w-]+\.lock$/.test(relative(dataFolder, path)));
    };
    await expect.poll(left, { timeout: 240_000, interval: 50 }).toEqual([]);
    expect(setting.sentences).toEqual([]);
  });
});
