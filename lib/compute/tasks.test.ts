import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { DEFAULT_RIDGE } from '../core/analysis/index.ts';
import { measureForward } from '../core/edited-model/index.ts';
import { RangeBlob } from '../core/folder/range-blob.ts';
import { outputErrorOf, parseReport } from '../core/report/index.ts';
import { memoryStates, type StateStore } from '../core/states/index.ts';
import { tinyModel } from '../testing/tiny-model.ts';
import { shapesTiny } from '../testing/v1/models.ts';
import { createEngineHost, type EngineHost, freshBackend } from './engines/engine-host.ts';
import { nodeEngines } from './engines/node-engines.ts';
import { nodeFiles } from './folder/node-files.ts';
import type { CalibrationSource, ModelSource, ProbeSource, Progress } from './protocol.ts';
import type { CallContext } from './serve.ts';
import { createTasks } from './tasks.ts';

vi.mock('../core/edited-model/index.ts', { spy: true });

const CALIBRATION: CalibrationSource = { kind: 'synthetic', samples: 6, timesteps: 3, seed: 4 };
const INTERVAL = { first: 0, last: 1 };
const PROBES: ProbeSource = { calibration: CALIBRATION, ridge: DEFAULT_RIDGE, split: 'prompt-groups' };
const removed = [{ ...INTERVAL, on: 'run', by: 'nothing' }] as const;
const probed = [{ ...INTERVAL, on: 'run', by: 'probes' }] as const;

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

function filesOf(files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>) {
  return Object.entries(files).map(([path, bytes]) => ({ path, blob: new Blob([bytes]) }));
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
    await expect(measure({ edits: [], probes: null }, context())).rejects.toThrow(/No model is open/);
    await ready();
    const choice = { edits: probed, probes: null };
    await expect(measure(choice, context())).rejects.toThrow(/Run Analyse first/);
    const student = [{ ...INTERVAL, on: 'run', by: 'student' } as const];
    await expect(damage({ edits: student, probes: PROBES }, context())).rejects.toThrow(/0-1 student/);
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
    const edits = intervals.map((interval) => ({ ...interval, on: 'run', by: 'nothing' }) as const);
    await expect(measure({ edits, probes: null }, context())).rejects.toMatchObject({ code: 'plan-invalid' });
  });

  it('analyses, and goes on with the analysis on another engine', async () => {
    const { ready, analyse, damage, measure, startEngine } = session();
    await ready();
    const progress = context();
    const report = await analyse({ calibration: CALIBRATION }, progress);
    expect(report.model).toMatchObject({ name: 'tiny', numBlocks: 2 });
    expect(report.engine?.name).toBe('wasm');
    expect(report.model.streams.map(({ id }) => id)).toEqual(['image', 'text']);
    expect(parseReport(JSON.stringify(report), 'report.json')).toEqual(report);
    expect(report.calibration.label).toContain('SYNTHETIC');
    expect(new Set(progress.seen.map(({ stage }) => stage))).toEqual(
      new Set(['capture', 'probes', 'cka', 'trajectories', 'damage']),
    );
    const timing = await measure({ edits: probed, probes: PROBES }, context());
    expect(timing.samples).toBe(2);
    expect(timing.wholeMs).toBeGreaterThan(0);
    const { lower, upper } = timing.wholeQuartilesMs;
    expect(lower).toBeLessThanOrEqual(timing.wholeMs);
    expect(upper).toBeGreaterThanOrEqual(timing.wholeMs);
    // Each edit is measured alone: asking for overlapping ones is no mistake.
    const edits = [...removed, ...probed, ...removed];
    const here = await damage({ edits, probes: PROBES }, context());
    expect(here.map(({ edit }) => edit)).toEqual(edits);
    expect(here[2]).toEqual(here[0]);
    expect(outputErrorOf(report, removed[0]!) ?? here[0]?.outputError).toBe(here[0]?.outputError);
    await startEngine({ wanted: 'cpu' }, context());
    const progress2 = context();
    const there = await damage({ edits, probes: PROBES }, progress2);
    for (const i of [0, 1]) expect(there[i]?.outputError).toBeCloseTo(here[i]?.outputError ?? Number.NaN, 4);
    // The probes are those of the analysis: none was fitted again.
    expect(new Set(progress2.seen.map(({ stage }) => stage))).toEqual(new Set(['damage']));
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

  it('measures what it measured before when it is started anew, from the name of the analysis alone', async () => {
    const first = session();
    await first.ready();
    await first.analyse({ calibration: CALIBRATION }, context());
    const edits = [...removed, ...probed];
    const measured = await first.damage({ edits, probes: PROBES }, context());

    const fresh = session();
    await fresh.ready();
    const progress = context();
    // What needs no probes is measured without fitting any.
    expect(await fresh.damage({ edits: removed, probes: PROBES }, progress)).toEqual(measured.slice(0, 1));
    expect(progress.seen.map(({ stage }) => stage)).toEqual(['damage']);
    expect(await fresh.damage({ edits, probes: PROBES }, progress)).toEqual(measured);
    const fitted = () => progress.seen.filter(({ stage }) => stage === 'probes').map(({ done }) => done);
    expect(fitted()).toEqual([1, 2]);
    // Once fitted they are kept, by what they are of and not by how it was asked for.
    const again = {
      ridge: DEFAULT_RIDGE,
      split: 'prompt-groups' as const,
      calibration: { seed: 4, timesteps: 3, samples: 6, kind: 'synthetic' } as const,
    };
    expect(await fresh.damage({ edits, probes: again }, progress)).toEqual(measured);
    expect(fitted()).toEqual([1, 2]);
    const other = await fresh.damage({ edits, probes: { ...PROBES, ridge: 10 } }, progress);
    expect(fitted()).toEqual([1, 2, 1, 2]);
    expect(other[0]).toEqual(measured[0]);
    expect(other[1]).not.toEqual(measured[1]);
  });

  it('draws with probes when it is started anew, what it drew with those of its analysis', async () => {
    const calibration = { kind: 'shapes', samples: 8, timesteps: 2, seed: 1 } as const;
    const probes = { calibration, ridge: DEFAULT_RIDGE, split: 'prompt-groups' } as const;
    const source = { kind: 'files', name: 'drawer', files: filesOf(shapesTiny()) } as const;
    const opened = async () => {
      const tasks = session();
      await tasks.startEngine({ wanted: 'wasm' }, context());
      expect(await tasks.openModel({ source }, context())).toMatchObject({ drawable: true, numBlocks: 6 });
      return tasks;
    };
    const edits = [
      { on: 'run', first: 0, last: 1, by: 'nothing' },
      { on: 'run', first: 2, last: 4, by: 'probes' },
    ] as const;
    const asked = { prompt: 'large red circle top-left on white', seed: 3, steps: 2, guidance: 2 };
    const first = await opened();
    await first.analyse({ calibration }, context());
    const drawn = await first.draw({ ...asked, edits, probes }, context());

    const fresh = await opened();
    const progress = context();
    const again = await fresh.draw({ ...asked, edits, probes }, progress);
    expect(again.rgba).toEqual(drawn.rgba);
    expect(new Set(progress.seen.map(({ stage }) => stage))).toEqual(new Set(['probes', 'draw']));
    expect((await fresh.draw({ ...asked, edits: [], probes: null }, context())).rgba).not.toEqual(drawn.rgba);
    const removedAll = edits.map((edit) => ({ ...edit, by: 'nothing' }) as const);
    expect((await fresh.draw({ ...asked, edits: removedAll, probes: null }, context())).rgba).not.toEqual(drawn.rgba);
  });

  it('knows the probes of a file by what it holds, whatever it is called', async () => {
    const file = (path: string) => ({ kind: 'file', file: { path, blob: new Blob([tiny.inputs]) } }) as const;
    const { ready, analyse, damage } = session();
    await ready();
    const report = await analyse({ calibration: file('one.safetensors') }, context());
    expect(report.calibration.file).toEqual({
      name: 'one.safetensors',
      digits: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
    const progress = context();
    await damage(
      { edits: probed, probes: { calibration: file('two.safetensors'), ridge: DEFAULT_RIDGE, split: 'prompt-groups' } },
      progress,
    );
    expect(progress.seen.some(({ stage }) => stage === 'probes')).toBe(false);
  });

  it('reads a calibration file once per opened file, and not at all where the caller knows its digits', async () => {
    let bytesRead = 0;
    const whole = new Blob([tiny.inputs]);
    const read = async (start: number, end: number) => {
      bytesRead += end - start;
      return await whole.slice(start, end).arrayBuffer();
    };
    const source = (digits: string | null) =>
      ({
        kind: 'file',
        file: { path: 'inputs.safetensors', blob: new RangeBlob(read, 0, whole.size) },
        digits,
      }) as const;
    const asked = (digits: string | null) =>
      ({ calibration: source(digits), ridge: DEFAULT_RIDGE, split: 'prompt-groups' }) as const;
    const { ready, analyse, damage, forward } = session();
    await ready();
    await forward({ inputs: source(null).file }, context());
    const valuesRead = bytesRead;
    bytesRead = 0;
    const report = await analyse({ calibration: source(null) }, context());
    // Its values, and once all of it for its name.
    expect(bytesRead).toBe(valuesRead + whole.size);
    const digits = report.calibration.file?.digits ?? '';
    bytesRead = 0;
    await damage({ edits: probed, probes: asked(digits) }, context());
    expect(bytesRead).toBe(0);
    const unnamed = { edits: probed, probes: asked(null) };
    await damage(unnamed, context());
    await damage(unnamed, context());
    expect(bytesRead).toBe(whole.size);
    await expect(damage({ edits: probed, probes: asked('0'.repeat(16)) }, context())).rejects.toMatchObject({
      code: 'calibration-invalid',
      details: { file: 'inputs.safetensors', found: digits },
    });
  });

  it('forgets the probes of a model that was replaced', async () => {
    const { ready, analyse, damage } = session();
    await ready();
    await analyse({ calibration: CALIBRATION }, context());
    await ready();
    const progress = context();
    await damage({ edits: probed, probes: PROBES }, progress);
    expect(progress.seen.some(({ stage }) => stage === 'probes')).toBe(true);
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
    const progress = context();
    expect(await damage({ edits: probed, probes: PROBES }, progress)).toHaveLength(1);
    expect(progress.seen.some(({ stage }) => stage === 'probes')).toBe(false);
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
      await measure({ edits: probed, probes: PROBES }, context());
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
    expect(candidates.map((candidate) => candidate.name)).toEqual(['tensorflow', 'webgpu', 'webgl', 'wasm', 'cpu']);
    for (const { available, reason } of candidates) expect(available || reason.length > 10).toBe(true);
  });

  it('measures choices with shared modulations: at full rank as without, and at a lower rank with more error', async () => {
    const { ready, choice } = session();
    await ready();
    const layers = [
      { on: 'ffn', block: 0, stream: 'image', by: 'linear' },
      { on: 'ffn', block: 0, stream: 'text', by: 'linear' },
    ] as const;
    const shared = (rank: number) => ({ on: 'modulation', blocks: 'all', by: { rank } }) as const;
    const errorOf = async (edits: Parameters<typeof choice>[0]['edits']) =>
      (await choice({ edits, probes: PROBES }, context())).outputError ?? Number.NaN;
    const alone = await errorOf(layers);
    expect(await errorOf([shared(64)])).toBeLessThan(1e-4);
    expect(await errorOf([shared(64), ...layers])).toBeCloseTo(alone, 4);
    const [low, both] = [await errorOf([shared(2)]), await errorOf([shared(2), ...layers])];
    expect(low).toBeGreaterThan(0.01);
    expect(both).toBeGreaterThan(Math.max(low, alone));
    // The whole model is measured against as before.
    expect(await errorOf(layers)).toBe(alone);
    const before = tf.memory().numTensors;
    await errorOf([shared(2), ...layers]);
    expect(tf.memory().numTensors).toBe(before);
    const table = [{ on: 'modulation', blocks: 'all', by: { table: [1, 0.5] } }] as const;
    await expect(choice({ edits: table, probes: PROBES }, context())).rejects.toThrow(/takes no timesteps but its own/);
  });

  it.each(['analyse', 'estimateAnalysis', 'width'] as const)(
    'lets go of a model with shared modulations before %s, which needs the memory',
    async (task) => {
      const { ready, analyse, choice, estimateAnalysis, width } = session();
      await ready();
      const run = {
        analyse: () => analyse({ calibration: CALIBRATION }, context()),
        estimateAnalysis: () => estimateAnalysis({ calibration: CALIBRATION, memoryBytes: 1e9 }, context()),
        width: () =>
          width({ edits: [{ on: 'ffn', block: 0, stream: 'text', by: 'linear' }], probes: PROBES }, context()),
      };
      await run[task]();
      const before = tf.memory().numTensors;
      const edits = [{ on: 'modulation', blocks: 'all', by: { rank: 2 } }] as const;
      await choice({ edits, probes: PROBES }, context());
      expect(tf.memory().numTensors).toBeGreaterThan(before);
      await run[task]();
      expect(tf.memory().numTensors).toBe(before);
    },
  );

  it('gives the maps of narrower blocks what the states of the analysis leave of the disk', async () => {
    const opened: { readonly sizeBytes: number; readonly store: StateStore }[] = [];
    const openStates: typeof nodeFiles.openStates = async (_url, sizeBytes) => {
      const store = memoryStates();
      const inFiles = {
        ...store,
        get usage() {
          return { memoryBytes: 0, storedBytes: store.usage.memoryBytes };
        },
      };
      opened.push({ sizeBytes, store: inFiles });
      return inFiles;
    };
    const { startEngine, openModel, analyse, width } = createTasks({
      engines: nodeEngines(),
      files: { ...nodeFiles, openStates },
    });
    await startEngine({ wanted: 'wasm' }, context());
    await openModel({ source: sourceOf(tiny.files) }, context());
    const states = { url: 'file:///states/', sizeBytes: 2 ** 30 };
    await analyse({ calibration: CALIBRATION, states }, context());
    const { storedBytes = 0 } = opened[0]?.store.usage ?? {};
    expect(storedBytes).toBeGreaterThan(0);
    await width({ edits: [{ on: 'ffn', block: 0, stream: 'text', by: 'linear' }], probes: PROBES, states }, context());
    expect(opened.map(({ sizeBytes }) => sizeBytes)).toEqual([2 ** 30, 2 ** 30 - storedBytes]);
  });

  it('times a model with shared modulations beside the whole one', async () => {
    const { ready, measure } = session();
    await ready();
    const shared = [{ on: 'modulation', blocks: 'all', by: { rank: 1 } }] as const;
    // Without an edit there is one model to time, and both times are its.
    const [none, some] = [
      await measure({ edits: [], probes: null }, context()),
      await measure({ edits: shared, probes: null }, context()),
    ];
    expect(none.prunedMs).toBe(none.wholeMs);
    expect(some.runs).toBe(none.runs);
    const [without, sharing] = vi
      .mocked(measureForward)
      .mock.calls.slice(-2)
      .map(([whole, , , { edited }]) => ({ whole, edited }));
    expect(without?.edited).toBe(without?.whole);
    expect(sharing?.whole).toBe(without?.whole);
    expect(sharing?.edited?.config.raw.shared_modulation).toMatchObject([{ rank: 1 }]);
    const table = [{ on: 'modulation', blocks: 'all', by: { table: [1, 0.5] } }] as const;
    await expect(measure({ edits: table, probes: null }, context())).rejects.toThrow(/takes no timesteps but its own/);
  });
});
