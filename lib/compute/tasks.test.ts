import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { tinyModel } from '../testing/tiny-model.ts';
import { createEngineHost, type EngineHost, freshBackend } from './engines/engine-host.ts';
import { nodeEngines } from './engines/node-engines.ts';
import { nodeFiles } from './folder/node-files.ts';
import type { CalibrationRequest, ModelSource, Progress } from './protocol.ts';
import type { CallContext } from './serve.ts';
import { createTasks } from './tasks.ts';

const CALIBRATION: CalibrationRequest = { kind: 'synthetic', samples: 6, timesteps: 3, seed: 4 };
const INTERVAL = { first: 0, last: 1 };

function context(): CallContext<never> & { readonly seen: Progress[] } {
  const seen: Progress[] = [];
  return { signal: new AbortController().signal, onProgress: (progress) => seen.push(progress), seen };
}

function sourceOf(files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>, name = 'tiny'): ModelSource {
  const blobs = Object.entries(files).map(([path, bytes]) => ({
    path: `transformer/${path}`,
    blob: new Blob([bytes]),
  }));
  return { kind: 'files', files: blobs, name };
}

let tiny: Awaited<ReturnType<typeof tinyModel>>;
beforeAll(async () => {
  tiny = await tinyModel();
});

function session(engines: EngineHost = nodeEngines()) {
  const tasks = createTasks({ engines, files: nodeFiles });
  const inputs = () => ({ inputs: { path: 'in.safetensors', blob: new Blob([tiny.inputs]) } });
  return {
    ...tasks,
    ready: async (wanted: 'wasm' | 'cpu' = 'wasm') => {
      await tasks.startEngine({ wanted }, context());
      return await tasks.openModel({ source: sourceOf(tiny.files) }, context());
    },
    forwardError: async () => {
      const { sample } = await tasks.forward(inputs(), context());
      return Math.max(...sample.map((value, i) => Math.abs(value - (tiny.expected[i] ?? Number.NaN))));
    },
  };
}

describe('the dispatcher', () => {
  it.each(['wasm', 'cpu'] as const)('starts %s, checks it and runs a model as diffusers does', async (wanted) => {
    const { ready, forwardError, verifyEngine } = session();
    const summary = await ready(wanted);
    expect(summary).toMatchObject({ name: 'tiny', numBlocks: 2, width: 64, dtypes: ['F32'], drawable: false });
    expect(summary.parameters).toBe(331_040);
    expect(await forwardError()).toBeLessThan(2e-4);
    const { maxAbsError, tolerance } = await verifyEngine({}, context());
    expect(maxAbsError).toBeLessThan(tolerance);
  });

  it('says what comes first when asked too early', async () => {
    const { startEngine, openModel, verifyEngine, measure, damage, draw, ready } = session();
    const source = sourceOf(tiny.files);
    await expect(verifyEngine({}, context())).rejects.toMatchObject({ code: 'not-ready' });
    await expect(openModel({ source }, context())).rejects.toThrow(/No engine is running/);
    await startEngine({ wanted: 'cpu' }, context());
    await expect(measure({ intervals: [], replacement: 'removed' }, context())).rejects.toThrow(/No model is open/);
    await ready();
    await expect(damage({ intervals: [INTERVAL] }, context())).rejects.toThrow(/Run Analyse first/);
    const choice = { intervals: [INTERVAL], replacement: 'probes' } as const;
    await expect(measure(choice, context())).rejects.toThrow(/Run Analyse first/);
    const request = { prompt: 'large red circle top-left on white', seed: 1, steps: 1, guidance: 1, ...choice };
    await expect(draw(request, context())).rejects.toThrow(/tiny cannot draw/);
  });

  it.each([
    [{ first: 1, last: 1 }],
    [{ first: 0, last: 2 }],
    [{ first: -1, last: 1 }],
    [{ first: 0, last: 0.5 }],
    [INTERVAL, INTERVAL],
  ])('refuses intervals that a model of two blocks does not have', async (...intervals) => {
    const { ready, measure } = session();
    await ready('cpu');
    await expect(measure({ intervals, replacement: 'removed' }, context())).rejects.toMatchObject({
      code: 'plan-invalid',
    });
  });

  it('analyses, and goes on with the analysis on another engine', async () => {
    const { ready, analyse, damage, measure, startEngine } = session();
    await ready();
    const progress = context();
    const report = await analyse({ calibration: CALIBRATION }, progress);
    expect(report.model).toMatchObject({ name: 'tiny', numBlocks: 2 });
    expect(report.engine.name).toBe('wasm');
    expect(report.calibration.label).toContain('SYNTHETIC');
    expect(new Set(progress.seen.map(({ stage }) => stage))).toEqual(
      new Set(['capture', 'probes', 'cka', 'trajectories', 'damage']),
    );
    const timing = await measure({ intervals: [INTERVAL], replacement: 'probes' }, context());
    expect(timing.samples).toBe(2);
    expect(timing.wholeMs).toBeGreaterThan(0);
    const { lower, upper } = timing.wholeQuartilesMs;
    expect(lower).toBeLessThanOrEqual(timing.wholeMs);
    expect(upper).toBeGreaterThanOrEqual(timing.wholeMs);
    // Each interval is measured alone: asking for overlapping ones is no mistake.
    const [here, again] = await damage({ intervals: [INTERVAL, INTERVAL] }, context());
    expect(again).toEqual(here);
    await startEngine({ wanted: 'cpu' }, context());
    const [there] = await damage({ intervals: [INTERVAL] }, context());
    expect(there?.removedError).toBeCloseTo(here?.removedError ?? Number.NaN, 4);
  });

  it('keeps the model that is open when another cannot be opened', async () => {
    const { ready, openModel, forwardError } = session();
    await ready('cpu');
    const broken = await tinyModel((tensors) => tensors.filter(({ name }) => name !== 'img_in.weight'));
    await expect(openModel({ source: sourceOf(broken.files, 'broken') }, context())).rejects.toMatchObject({
      code: 'weight-missing',
      details: { tensor: 'img_in.weight' },
    });
    await expect(openModel({ source: sourceOf({}, 'nothing') }, context())).rejects.toThrow(/no files/);
    const to_q = 'transformer_blocks.1.attn.to_q.weight';
    const poisoned = await tinyModel((tensors) =>
      tensors.map((tensor) =>
        tensor.name === to_q ? { ...tensor, bytes: tensor.bytes.slice().fill(0xff, 0, 4) } : tensor,
      ),
    );
    await expect(openModel({ source: sourceOf(poisoned.files, 'poisoned') }, context())).rejects.toMatchObject({
      code: 'weight-not-finite',
      details: { tensor: to_q },
    });
    expect(await forwardError()).toBeLessThan(2e-4);
  });

  it('keeps the engine that runs when another cannot be had', async () => {
    const { ready, startEngine, forwardError } = session();
    await ready('cpu');
    await expect(startEngine({ wanted: 'webgpu' }, context())).rejects.toMatchObject({ code: 'engine-unavailable' });
    expect(await forwardError()).toBeLessThan(2e-4);
  });

  it('forgets the analysis of a model that was replaced', async () => {
    const { ready, analyse, damage } = session();
    await ready();
    await analyse({ calibration: CALIBRATION }, context());
    await ready();
    await expect(damage({ intervals: [INTERVAL] }, context())).rejects.toMatchObject({ code: 'not-ready' });
  });

  it('stays with the open model and its analysis when the opening of another is stopped', async () => {
    const { ready, analyse, damage, openModel } = session();
    await ready();
    await analyse({ calibration: CALIBRATION }, context());
    const before = tf.memory().numTensors;
    const stopped = { ...context(), signal: AbortSignal.abort() };
    await expect(openModel({ source: sourceOf(tiny.files, 'other') }, stopped)).rejects.toMatchObject({
      code: 'cancelled',
    });
    expect(tf.memory().numTensors).toBe(before);
    expect(await damage({ intervals: [INTERVAL] }, context())).toHaveLength(1);
  });

  it('names a calibration that does not fit', async () => {
    const { ready, analyse } = session();
    await ready('cpu');
    const shapes = { kind: 'shapes', samples: 4, timesteps: 2, seed: 1 } as const;
    await expect(analyse({ calibration: shapes }, context())).rejects.toMatchObject({ code: 'calibration-invalid' });
    const file = { path: 'calibration.safetensors', blob: new Blob([]) };
    await expect(analyse({ calibration: { kind: 'file', file } }, context())).rejects.toThrow(
      /calibration\.safetensors/,
    );
  });

  it('leaves no tensor behind, however often it runs', async () => {
    const { ready, analyse, measure, forwardError, openModel } = session();
    await ready();
    const once = async () => {
      await analyse({ calibration: CALIBRATION }, context());
      await measure({ intervals: [INTERVAL], replacement: 'probes' }, context());
      await forwardError();
      await openModel({ source: sourceOf(tiny.files) }, context());
      // The model's own weights are read when they are first needed.
      await forwardError();
    };
    await once();
    const before = tf.memory().numTensors;
    await once();
    await once();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('refuses work on a lost engine until one is started again, and then goes on with the model', async () => {
    let lose = (_: string) => {};
    const reasons: string[] = [];
    const engines = createEngineHost({
      probe: async () => [{ name: 'cpu', available: true, device: 'test', reason: 'There.', preferred: true }],
      launch: async (_, lost) => {
        await import('@tensorflow/tfjs-backend-cpu');
        await freshBackend('cpu');
        lose = lost;
        return { device: 'test', threads: 1 };
      },
    });
    engines.onLost((reason) => reasons.push(reason));
    const { ready, forwardError, startEngine } = session(engines);
    await ready('cpu');
    lose('unplugged');
    lose('unplugged twice');
    await expect(forwardError()).rejects.toMatchObject({ code: 'engine-lost' });
    const loseOfTheOldEngine = lose;
    await startEngine({ wanted: 'auto' }, context());
    expect(await forwardError()).toBeLessThan(2e-4);
    loseOfTheOldEngine('late echo');
    expect(await forwardError()).toBeLessThan(2e-4);
    expect(reasons).toEqual(['unplugged']);
  });
});

describe('starting an engine', () => {
  const offered = { available: true, device: 'd', reason: 'Good.', preferred: true } as const;

  it('tells why one did not start, and takes no other in its place', async () => {
    const host = createEngineHost({
      probe: async () => [
        { ...offered, name: 'wasm' },
        { ...offered, name: 'cpu' },
      ],
      launch: async () => {
        throw { message: 'the binary is missing' };
      },
    });
    await expect(host.start('auto')).rejects.toMatchObject({
      code: 'engine-unavailable',
      details: { found: 'the binary is missing' },
    });
  });

  it('adds to its reason what only starting could tell', async () => {
    const host = createEngineHost({
      probe: async () => [{ ...offered, name: 'wasm' }],
      launch: async () => ({ device: '1 thread', threads: 1, note: 'Threads did not start.' }),
    });
    expect(await host.start('auto')).toMatchObject({ device: '1 thread', why: 'Good. Threads did not start.' });
  });

  it('says in Node which optional engines are missing, and runs WASM', async () => {
    const { candidates, name } = await nodeEngines().start('wasm');
    expect(name).toBe('wasm');
    expect(candidates.map((candidate) => candidate.name)).toEqual(['tensorflow', 'webgpu', 'wasm', 'cpu']);
    for (const { available, reason } of candidates) expect(available || reason.length > 10).toBe(true);
  });
});
