import { afterEach, describe, expect, it } from 'vitest';
import { findTensorflow } from '../../compute/engines/tensorflow.ts';
import { startComputeProcess } from '../../compute/node-process.ts';
import { seededRandom } from '../../core/random.ts';
import type { RunView, StepPoint } from '../../core/run/index.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import { createBackend } from '../create-backend.ts';
import { startHost } from './host-process.ts';
import { checksums, killOne, makeSetting, type Setting, until } from './setting.ts';

const STEPS = {
  steps: 60,
  batch: 2,
  heldOutSamples: 2,
  heldOutEvery: 20,
  checkpointEvery: 4,
  ema: 0.9,
  accumulation: 2,
} as const;
const FINE_TUNE_STEPS = 6;

const ended: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

async function tinySetting(): Promise<Setting> {
  const { files } = await tinyModel();
  const setting = await makeSetting({}, {}, [{ first: 0, last: 1 }], files);
  ended.push(setting.remove);
  return setting;
}

function tinyRequest(setting: Setting, engine: 'wasm' | 'tensorflow') {
  const request = setting.request(STEPS, { engine, data: { kind: 'synthetic' } });
  const { distil } = request.settings;
  const fineTune = { ...distil, train: 'all', steps: FINE_TUNE_STEPS, batch: 2, checkpointEvery: 2 } as const;
  return { ...request, settings: { ...request.settings, fineTune } };
}

/** Losses and gradients of every step, as numbers. */
const plain = (points: readonly StepPoint[]) => points.map(({ durationMs: _, ...point }) => point);

const engines = ['wasm', ...(findTensorflow() ? ['tensorflow' as const] : [])] as const;
if (engines.length === 1) console.error('SKIPPED: kills of the trainer on TensorFlow’s library, which is not set up.');

describe.each(engines)('training on %s', (engine) => {
  it('ends with the same weights and the same curve, to the bit, however often it is killed', {
    timeout: 1_800_000,
  }, async () => {
    const calm = await tinySetting();
    const backend = await createBackend(calm.env, { ...calm.options, startCompute: startComputeProcess });
    const whole = await until(backend, await backend.createRun(tinyRequest(calm, engine)), isOver);
    expect(whole.jobs.map(({ error }) => error)).toEqual([null, null]);
    const reference = await checksums(backend, whole);
    const curves = await Promise.all(whole.jobs.map(({ key }) => backend.curve(whole.id, key)));
    await backend.close();

    const wild = await tinySetting();
    // As many threads as before: TensorFlow's library adds up in another order with more of them, on some processors.
    const threads = { CONTIGUA_SLOTS: '1', CONTIGUA_THREADS: String(calm.env.threads) };
    const env = { CONTIGUA_DATA: wild.env.dataFolder, CONTIGUA_ENGINE: engine, ...threads };
    const options = { env, fake: null, models: wild.models };
    let host = await startHost(options);
    ended.push(() => host.kill());
    const id = await host.createRun(tinyRequest(wild, engine));
    const random = seededRandom(3);
    // Each dies somewhere on the way to its next checkpoint but one.
    for (const kill of ['compute', 'host', 'compute', 'host', 'compute'] as const) {
      const begun = (await host.viewRun(id)).jobs.map(({ checkpointStep }) => checkpointStep);
      const more = 4 + random.integer(4);
      const view = await until(
        host,
        id,
        (now) => isOver(now) || now.jobs.some(({ step }, i) => step >= (begun[i] ?? 0) + more),
      );
      if (isOver(view)) break;
      if (kill === 'compute') killOne(await host.computePids(), random);
      else {
        await host.kill();
        host = await startHost(options);
      }
    }
    const view = await until(host, id, isOver);
    expect(view.jobs.map(({ error }) => error)).toEqual([null, null]);
    expect(view.jobs.reduce((sum, { attempt }) => sum + attempt, 0)).toBeGreaterThan(5);
    expect(await checksums(host, view)).toEqual(reference);
    for (const [i, { key }] of view.jobs.entries()) {
      expect(plain(await host.curve(id, key))).toEqual(plain(curves[i] ?? []));
    }
    const { heldOut, baselines } = view.jobs[0] ?? {};
    expect({ heldOut, baselines }).toEqual({ heldOut: whole.jobs[0]?.heldOut, baselines: whole.jobs[0]?.baselines });
    await host.close();
  });
});

const isOver = ({ state }: RunView) => state === 'done' || state === 'failed';
