/** Compute processes that are there but do not work: stopped with SIGSTOP, which looks from outside like any deadlock. */
import { afterEach, describe, expect, it } from 'vitest';
import { startComputeProcess } from '../../compute/node-process.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import type { Backend, RunRequest } from '../backend.ts';
import { createBackend } from '../create-backend.ts';
import type { StartCompute } from '../jobs/compute-slot.ts';
import type { Timing } from '../runs/context.ts';
import { checksums, isDone, makeSetting, type Setting, startFake, until } from './setting.ts';

const LONG = { timeout: 300_000 };
/** Longer than a busy machine keeps a process waiting. */
const HASTY = { stepFloor: 5_000, quiet: 8_000 };

const ended: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

interface Watched {
  readonly setting: Setting;
  readonly backend: Backend;
  /** Of the compute process started last. */
  pid(): number;
  oneInterval(): RunRequest;
}

async function watched(timing: Partial<Timing>, real = false): Promise<Watched> {
  const setting = real
    ? await makeSetting({}, {}, [{ first: 0, last: 1 }], (await tinyModel()).files)
    : await makeSetting({ stepMs: 5 }, { CONTIGUA_SLOTS: '1' });
  ended.push(setting.remove);
  let last: ReturnType<typeof startComputeProcess> | undefined;
  const starting = real ? startComputeProcess : startFake(setting.fakeEnv());
  const startCompute: StartCompute = (options) => {
    const compute = starting(options) as ReturnType<typeof startComputeProcess>;
    last = compute;
    return compute;
  };
  const backend = await createBackend(setting.env, {
    ...setting.options,
    startCompute,
    timing: { ...setting.options.timing, ...timing },
  });
  ended.push(() => backend.close());
  return {
    setting,
    backend,
    pid: () => last?.pid ?? 0,
    oneInterval() {
      const steps = { steps: 60, checkpointEvery: 10, heldOutEvery: 30, heldOutSamples: 2, batch: 2 };
      const request = setting.request(steps, real ? { engine: 'wasm', data: { kind: 'synthetic' } } : {});
      return { ...request, plan: { ...request.plan, edits: request.plan.edits.slice(0, 1) } };
    },
  };
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(process.platform === 'win32')('a compute process that hangs', LONG, () => {
  it('between steps is ended, and the next attempt goes on from the checkpoint', async () => {
    const { setting, backend, pid, oneInterval } = await watched(HASTY);
    const calm = await checksums(backend, await until(backend, await backend.createRun(oneInterval()), isDone));
    await setting.hold(15);
    const id = await backend.createRun(oneInterval());
    await until(backend, id, ({ jobs }) => jobs[0]?.step === 15);
    const stopped = pid();
    process.kill(stopped, 'SIGSTOP');
    const again = await until(backend, id, ({ jobs }) => (jobs[0]?.attempt ?? 0) > 1);
    expect(again.jobs[0]?.note).toMatch(/The compute process hangs: it sent nothing for \d+ s, where a step takes/);
    expect(isThere(stopped)).toBe(false);
    await setting.letGo();
    const view = await until(backend, id, isDone);
    expect(await checksums(backend, view)).toEqual(calm);
    const began = (await setting.log()).filter(({ begins }) => begins).map(({ step }) => step);
    expect(began.slice(0, 3)).toEqual([0, 0, 10]);
  });

  it('before its first step is ended too', async () => {
    const { setting, backend, pid, oneInterval } = await watched(HASTY);
    await setting.hold(0);
    const id = await backend.createRun(oneInterval());
    await until(backend, id, ({ jobs }) => jobs[0]?.baselines !== null);
    process.kill(pid(), 'SIGSTOP');
    await until(backend, id, ({ jobs }) => (jobs[0]?.attempt ?? 0) > 1);
    await setting.letGo();
    await until(backend, id, isDone);
  });

  it('does not hold a pause for ever: it pauses from its last checkpoint', async () => {
    const { setting, backend, pid, oneInterval } = await watched({ stop: 1_000 });
    await setting.hold(15);
    const id = await backend.createRun(oneInterval());
    await until(backend, id, ({ jobs }) => jobs[0]?.step === 15);
    process.kill(pid(), 'SIGSTOP');
    await backend.pauseRun(id);
    const paused = await until(backend, id, ({ state }) => state === 'paused');
    expect(paused.jobs[0]).toMatchObject({ checkpointStep: 10, attempt: 1, error: null });
    await setting.letGo();
    await backend.resumeRun(id);
    expect((await until(backend, id, isDone)).jobs[0]?.attempt).toBe(2);
  });

  it('is the real trainer’s too, which gives signs of life while it opens the model and measures', async () => {
    const { backend, pid, oneInterval } = await watched({ stepFloor: 5_000, quiet: 60_000 }, true);
    const request = oneInterval();
    const { distil } = request.settings;
    const long = { ...request, settings: { ...request.settings, distil: { ...distil, steps: 100_000 } } };
    const id = await backend.createRun(long);
    await until(backend, id, ({ jobs }) => (jobs[0]?.checkpointStep ?? 0) > 0);
    process.kill(pid(), 'SIGSTOP');
    const again = await until(backend, id, ({ jobs }) => (jobs[0]?.attempt ?? 0) > 1);
    expect(again.jobs[0]?.note).toMatch(/The compute process hangs/);
    await backend.cancelRun(id);
  });
});
