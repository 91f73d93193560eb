import { execFileSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ContiguaError } from '../../core/errors.ts';
import { LocalArtifacts } from '../artifacts/local.ts';
import type { ArtifactStore } from '../artifacts/store.ts';
import type { Backend, RunRequest } from '../backend.ts';
import { type BackendOptions, createBackend } from '../create-backend.ts';
import type { Compute, StartCompute } from '../jobs/compute-slot.ts';
import { collectGarbage } from '../runs/garbage.ts';
import { openRuns } from '../runs/open.ts';
import { startHost } from './host-process.ts';
import { checksums, isDone, makeSetting, type Setting, startFake, until } from './setting.ts';
import { fillDisk, smallDisk } from './small-disk.ts';

const ended: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

const STEPS = { steps: 60, checkpointEvery: 10, heldOutEvery: 30 };

async function made(work: Parameters<typeof makeSetting>[0] = { stepMs: 5 }): Promise<Setting> {
  const setting = await makeSetting(work);
  ended.push(setting.remove);
  return setting;
}

async function started(setting: Setting, options: BackendOptions = {}): Promise<Backend> {
  const backend = await createBackend(setting.env, { ...setting.options, ...options });
  ended.push(() => backend.close());
  return backend;
}

function oneInterval(setting: Setting): RunRequest {
  const request = setting.request(STEPS);
  return { ...request, plan: { ...request.plan, edits: request.plan.edits.slice(0, 1) } };
}

/** The trained weights of a run that nothing happened to. */
async function calmWeights(backend: Backend, setting: Setting): Promise<Record<string, string>> {
  return await checksums(backend, await until(backend, await backend.createRun(oneInterval(setting)), isDone));
}

const LONG = { timeout: 300_000 };

describe('a damaged checkpoint', LONG, () => {
  it('is passed over for the one before it, then for the start, and the job says so', async () => {
    const setting = await made();
    const backend = await started(setting);
    const calm = await calmWeights(backend, setting);
    await setting.hold(25);
    const id = await backend.createRun(oneInterval(setting));
    const folder = join(setting.env.dataFolder, 'artifacts', 'runs', id, '2-3');
    const checkpointFiles = async () =>
      (await readdir(folder, { recursive: true }))
        .filter((name) => name.includes('state-'))
        .map((name) => join(folder, name));
    const damage = async (which: 'newest' | 'all') => {
      const files = (await checkpointFiles()).sort((a, b) => stepIn(b) - stepIn(a));
      for (const path of which === 'newest' ? files.slice(0, 1) : files) {
        // A superfluous one may be collected this very moment.
        const bytes = await readFile(path).catch(() => null);
        if (!bytes) continue;
        bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
        await writeFile(path, bytes);
      }
    };
    // Both are kept: neither was passed over for want of time.
    await until(backend, id, ({ jobs }) => jobs[0]?.checkpointStep === 20);
    // The pause stores the step it is at, 25.
    await backend.pauseRun(id);
    await until(backend, id, ({ jobs }) => jobs[0]?.state === 'paused');
    await damage('newest');
    await backend.resumeRun(id);
    const fellBack = await until(backend, id, ({ jobs }) => jobs[0]?.note !== null);
    expect(fellBack.jobs[0]?.note).toContain('The checkpoint at step 25 cannot be used (');
    expect(fellBack.jobs[0]?.note).toContain('training resumed from the checkpoint at step 20.');
    await setting.letGo();
    await setting.hold(35);
    await until(backend, id, ({ jobs }) => jobs[0]?.checkpointStep === 30);
    await backend.pauseRun(id);
    await until(backend, id, ({ jobs }) => jobs[0]?.state === 'paused');
    await damage('all');
    await setting.letGo();
    await backend.resumeRun(id);
    const view = await until(backend, id, isDone);
    expect(view.jobs[0]?.note).toMatch(/training resumed from the start\./);
    expect(await checksums(backend, view)).toEqual(calm);
    expect((await backend.curve(id, '2-3')).map(({ step }) => step)).toEqual(
      Array.from({ length: 60 }, (_, i) => i + 1),
    );
  });
});

const stepIn = (path: string) => Number(/state-(\d+)/.exec(path)?.[1]);

describe('an engine whose process dies while it starts', LONG, () => {
  it('is started again; until it is there the worker takes no jobs and says why', async () => {
    const setting = await made();
    await setting.stillborn(true);
    const backend = await started(setting);
    const id = await backend.createRun(oneInterval(setting));
    const worker = async () => (await backend.status()).workers[0];
    while (!(await worker())) await new Promise((go) => setTimeout(go, 50));
    expect(await worker()).toMatchObject({ engine: '', why: expect.stringContaining('SIGKILL') });
    expect((await backend.viewRun(id)).jobs[0]).toMatchObject({ state: 'queued', attempt: 0 });
    await setting.stillborn(false);
    await until(backend, id, isDone);
    expect(await worker()).toMatchObject({ engine: 'wasm' });
    expect(setting.sentences).toHaveLength(1);
  });
});

describe('a job whose compute process dies', LONG, () => {
  it('is the next one that a free slot takes, before those that wait longer for their first', async () => {
    const setting = await makeSetting({ stepMs: 5 }, { CONTIGUA_SLOTS: '1' });
    ended.push(setting.remove);
    let pid = 0;
    const startCompute: StartCompute = (options) => {
      const compute = startFake(setting.fakeEnv())(options);
      pid = 'pid' in compute ? Number(compute.pid) : 0;
      return compute;
    };
    const backend = await started(setting, { startCompute });
    await setting.hold(15);
    const first = await backend.createRun(oneInterval(setting));
    await until(backend, first, ({ jobs }) => jobs[0]?.checkpointStep === 10);
    const others = [await backend.createRun(oneInterval(setting)), await backend.createRun(oneInterval(setting))];
    process.kill(pid, 'SIGKILL');
    await until(backend, first, ({ jobs }) => jobs[0]?.attempt === 2);
    for (const one of others)
      expect((await backend.viewRun(one)).jobs[0]).toMatchObject({ state: 'queued', attempt: 0 });
    await setting.letGo();
    for (const one of [first, ...others]) await until(backend, one, isDone);
  });
});

/** A store that can be cut off. */
function fragile(store: ArtifactStore): ArtifactStore & { down: boolean } {
  const cut = {
    down: false,
    where: store.where,
    put: (...args: Parameters<ArtifactStore['put']>) => cut.reach(() => store.put(...args)),
    open: (artifact: Parameters<ArtifactStore['open']>[0]) => cut.reach(() => store.open(artifact)),
    localCopy: (artifact: Parameters<ArtifactStore['localCopy']>[0]) => cut.reach(() => store.localCopy(artifact)),
    delete: (key: string) => cut.reach(() => store.delete(key)),
    list: (prefix: string) => store.list(prefix),
    async reach<T>(work: () => Promise<T>): Promise<T> {
      if (cut.down) throw new ContiguaError('store-unreachable', 'The bucket does not answer');
      return await work();
    },
  };
  return cut;
}

describe('a store that does not answer', LONG, () => {
  it('is waited for; after too long the job waits in the queue, says why, and goes on from its checkpoint by itself', async () => {
    const setting = await made();
    const store = fragile(new LocalArtifacts(join(setting.folder, 'store')));
    const patient = await createBackend(setting.env, { ...setting.options, store });
    const calm = await calmWeights(patient, setting);
    await setting.hold(15);
    const waited = await patient.createRun(oneInterval(setting));
    await until(patient, waited, ({ jobs }) => jobs[0]?.checkpointStep === 10);
    store.down = true;
    await setting.letGo();
    await until(patient, waited, ({ jobs }) => (jobs[0]?.step ?? 0) === 60);
    await new Promise((go) => setTimeout(go, 300));
    expect((await patient.viewRun(waited)).jobs[0]).toMatchObject({ state: 'running', attempt: 1 });
    store.down = false;
    const view = await until(patient, waited, isDone);
    expect(view.jobs[0]).toMatchObject({ attempt: 1 });
    expect(await checksums(patient, view)).toEqual(calm);
    await patient.close();

    const timing = { ...setting.options.timing, patience: 300, rest: 3_000 };
    const impatient = await started(setting, { store, timing });
    await setting.hold(15);
    const id = await impatient.createRun(oneInterval(setting));
    await until(impatient, id, ({ jobs }) => jobs[0]?.checkpointStep === 10);
    store.down = true;
    await setting.letGo();
    const waits = await until(impatient, id, ({ state }) => state === 'queued');
    expect(waits.jobs[0]).toMatchObject({ error: null, note: 'It waits: The bucket does not answer' });
    store.down = false;
    const after = await until(impatient, id, isDone);
    expect(await checksums(impatient, after)).toEqual(calm);
    expect((await setting.log()).filter(({ begins }) => begins).at(-1)?.step).toBe(10);
  });
});

describe('a run that is deleted while a checkpoint is stored', LONG, () => {
  it('leaves no file, even where storing takes longer than the second look for such files', async () => {
    const setting = await made();
    const files = new LocalArtifacts(join(setting.folder, 'store'));
    const told = new EventEmitter();
    const [storing, collected, stored] = ['storing', 'collected', 'stored'].map((name) => once(told, name));
    const store: ArtifactStore = {
      ...fragile(files),
      async put(...args) {
        told.emit('storing');
        await collected;
        const artifact = await files.put(...args);
        told.emit('stored');
        return artifact;
      },
      async *list(prefix) {
        yield* files.list(prefix);
        told.emit('collected');
      },
    };
    const backend = await createBackend(setting.env, { ...setting.options, store });
    const id = await backend.createRun(oneInterval(setting));
    await storing;
    await backend.deleteRun(id);
    await stored;
    await backend.close();
    const { context, close } = await openRuns(setting.env, () => {});
    ended.push(close);
    // The second look is not due yet.
    await collectGarbage(context, files);
    const left: string[] = [];
    for await (const key of files.list('')) left.push(key);
    expect(left).toEqual([]);
  });
});

describe('two hosts on one embedded folder', LONG, () => {
  it('are one: the second is told who the first is, and takes over as soon as that is killed', async () => {
    const setting = await made();
    const options = { env: { CONTIGUA_DATA: setting.env.dataFolder, CONTIGUA_SLOTS: '1' }, fake: setting.fakeEnv() };
    const first = await startHost(options);
    ended.push(() => first.kill());
    await expect(createBackend(setting.env, setting.options)).rejects.toMatchObject({
      code: 'database-in-use',
      message: expect.stringContaining(`process ${first.pid} on `),
    });
    await setting.hold(15);
    const id = await first.createRun(oneInterval(setting));
    await until(first, id, ({ jobs }) => jobs[0]?.checkpointStep === 10);
    await first.kill();
    await setting.letGo();
    const second = await started(setting);
    const view = await until(second, id, isDone);
    expect(view.jobs[0]).toMatchObject({ attempt: 2 });
    expect(view.jobs[0]?.note).toMatch(/Attempt 1 ended near step \d+: the process that ran it has ended/);
    expect(await checksums(second, view)).toEqual(await calmWeights(second, setting));
  });
});

describe('a host that ends in order', LONG, () => {
  it('stores its last step, gives its jobs back, and leaves no process, timer or connection; the next one goes on from there', async () => {
    const setting = await made();
    const before = process.getActiveResourcesInfo().toSorted();
    const computes: Compute[] = [];
    const startCompute: StartCompute = (options) => {
      const compute = startFake(setting.fakeEnv())(options);
      computes.push(compute);
      return compute;
    };
    await setting.hold(15);
    const first = await createBackend(setting.env, { ...setting.options, startCompute });
    const id = await first.createRun(oneInterval(setting));
    await until(first, id, ({ jobs }) => jobs[0]?.step === 15);
    await first.close();
    // Their `exited` would never resolve where one still ran.
    expect(computes.length).toBeGreaterThan(0);
    await Promise.all(computes.map(({ exited }) => exited));
    expect(await readdir(join(setting.env.dataFolder, 'scratch'))).toEqual([]);
    while (process.getActiveResourcesInfo().length > before.length) await new Promise((go) => setImmediate(go));
    await setting.letGo();
    const second = await started(setting);
    const view = await until(second, id, isDone);
    expect(view.jobs[0]).toMatchObject({ attempt: 2, note: null });
    expect((await setting.log()).filter(({ begins }) => begins).at(-1)?.step).toBe(15);
    expect(setting.sentences).toEqual([]);
  });
});

describe('a full disk', LONG, () => {
  it('where checkpoints are written: every job waits, says why, and goes on by itself when there is room', async ({
    skip,
  }) => {
    const setting = await made({ stepMs: 5, bytes: 100_000 });
    const scratch = join(setting.env.dataFolder, 'scratch');
    await mkdir(scratch, { recursive: true });
    const unmount = smallDisk(scratch, '2m');
    if (!unmount) {
      console.error('SKIPPED: a full disk. Mounting a small file system needs root.');
      return skip();
    }
    ended.push(async () => unmount());
    const backend = await started(setting);
    const calm = await calmWeights(backend, setting);
    await setting.hold(15);
    // One after the other, so that the first has a slot: those that have one hold it at step 15.
    const ids: string[] = [];
    for (let run = 0; run < 3; run++) ids.push(await backend.createRun(oneInterval(setting)));
    const [id = ''] = ids;
    await until(backend, id, ({ jobs }) => jobs[0]?.checkpointStep === 10);
    const makeRoom = await fillDisk(scratch);
    await setting.letGo();
    const waits = await until(backend, id, ({ state, jobs }) => state === 'queued' && jobs[0]?.note !== null);
    expect(waits.jobs[0]).toMatchObject({ error: null, checkpointStep: 10 });
    expect(waits.jobs[0]?.note).toMatch(/^It waits: .*There is no room for this file/);
    // Tried again and again meanwhile, and the others with it.
    await until(backend, id, ({ jobs }) => (jobs[0]?.attempt ?? 0) > 2);
    for (const one of ids) expect((await backend.viewRun(one)).jobs[0]?.error).toBeNull();
    await makeRoom();
    for (const one of ids) expect(await checksums(backend, await until(backend, one, isDone))).toEqual(calm);
  });

  it.each([
    ['there is no room at all', true],
    ['there is none for the database', false],
  ])('from the beginning: opening says so in a sentence where %s, and works afterwards', async (_, filled) => {
    const setting = await made();
    const unmount = smallDisk(setting.env.dataFolder, '1m');
    if (!unmount) {
      console.error('SKIPPED: opening on a full disk. Mounting a small file system needs root.');
      return;
    }
    ended.push(async () => unmount());
    const makeRoom = filled ? await fillDisk(setting.env.dataFolder) : async () => {};
    const refused = await createBackend(setting.env, setting.options).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(refused).toMatchObject({ code: 'disk-full', message: expect.stringMatching(/room.*Free space/) });
    await makeRoom();
    execFileSync('mount', ['-o', 'remount,size=300m', setting.env.dataFolder]);
    await (await createBackend(setting.env, setting.options)).close();
  });

  it('where the embedded database lies: errors say so, and all that was acknowledged is there afterwards', async ({
    skip,
  }) => {
    const setting = await made({ stepMs: 5 });
    const folder = setting.env.dataFolder;
    await mkdir(folder, { recursive: true });
    const unmount = smallDisk(folder, '160m');
    if (!unmount) {
      console.error('SKIPPED: a full disk under the database. Mounting a small file system needs root.');
      return skip();
    }
    ended.push(async () => unmount());
    const store = new LocalArtifacts(join(setting.folder, 'store'));
    const first = await createBackend(setting.env, { ...setting.options, store });
    const done = await first.createRun(oneInterval(setting));
    const before = await until(first, done, isDone);
    await setting.hold(15);
    const id = await first.createRun(oneInterval(setting));
    await until(first, id, ({ jobs }) => jobs[0]?.checkpointStep === 10);
    const makeRoom = await fillDisk(folder);
    const acknowledged: string[] = [];
    let refusal: unknown = null;
    for (let i = 0; i < 2_000 && !refusal; i++) {
      const name = `run ${i}`;
      await first
        .createRun({ ...oneInterval(setting), name, settings: { ...oneInterval(setting).settings, engine: 'cpu' } })
        .then(
          (created) => acknowledged.push(created),
          (thrown: unknown) => {
            refusal = thrown;
          },
        );
    }
    console.log(`${acknowledged.length} runs were acknowledged on the full disk, then: ${String(refusal)}`);
    expect(refusal).toMatchObject({ code: 'disk-full' });
    await makeRoom();
    await setting.letGo();
    await first.close();
    const second = await started(setting, { store });
    expect(await second.viewRun(done)).toEqual(before);
    for (const one of acknowledged) expect((await second.viewRun(one)).state).toBe('queued');
    expect(await checksums(second, await until(second, id, isDone))).toEqual(await checksums(second, before));
  });
});
