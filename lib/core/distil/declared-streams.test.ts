/** Analysis, report, detection, plan and training of models that declare one stream, or three. */
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { TOY_WIDTH, type ToyModel, toyCalibration, toyInputs, toyTransformer } from '../../testing/toy-transformer.ts';
import { analyse, fitMaps, probesOf } from '../analysis/index.ts';
import { DEFAULT_DETECTION, detectIntervals } from '../detection/index.ts';
import { runEdit } from '../edit/index.ts';
import type { Transformer } from '../model/index.ts';
import { buildPlan, formatPlan, parseRunPlan } from '../plan/index.ts';
import { type AnalysisReport, parseReport } from '../report/index.ts';
import type { DistilProgress, SavedFile } from '../run/progress.ts';
import { DEFAULT_DISTIL } from '../run/settings.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { distilInterval } from './distil-interval.ts';
import type { StateCache } from './state-cache.ts';
import { TeacherStates } from './teacher-states.ts';
import type { TrainingBatches } from './training-data.ts';

const LATENT = { id: 'latent', label: 'latent', input: 'hidden_states' } as const;
const CAPTION = { id: 'caption', label: 'caption', input: 'encoder_hidden_states' } as const;
const SOUND = { id: 'audio', label: 'sound', input: 'encoder_hidden_states' } as const;
const all = ['latent', 'caption', 'audio'];
const ONE: ToyModel = { streams: [LATENT], updates: [0, 1, 2, 3, 4].map(() => ['latent']) };
/** Block 2 leaves the sound alone, the last block the caption. */
const THREE: ToyModel = {
  streams: [LATENT, CAPTION, SOUND],
  updates: [all, all, ['latent', 'caption'], all, ['latent', 'audio']],
};
const FINGERPRINT = `sha256:${'ab'.repeat(32)}`;

function modelOf({ config, architecture }: Transformer) {
  const { family, className, numBlocks, width } = config;
  const { streams, stacks, blocks } = architecture;
  const named = { name: 'toy', fingerprint: FINGERPRINT, className, family, numBlocks };
  return { ...named, streams, stacks, width, blocks, globalParameters: 7 };
}

async function reportOf(transformer: Transformer): Promise<AnalysisReport> {
  const { analysis } = await analyse(transformer, toyCalibration(transformer, 24));
  const { globalParameters: _, streams, stacks, blocks, ...model } = modelOf(transformer);
  return {
    ...analysis,
    model: {
      ...model,
      streams: streams.map(({ id, label }) => ({ id, label })),
      stacks: stacks.map(({ id, label, first, last }) => ({ id, label, first, last })),
      blocks: blocks.map(({ kind, stack, updates }) => ({ kind, stack, updates })),
    },
    engine: null,
  };
}

const batches: TrainingBatches = {
  key: 'toy',
  label: 'toy batches',
  batch: 4,
  inputs: (index) => toyInputs(4, index + 10),
  distinct: null,
  numberOf: (index) => index,
  heldOut: (samples) => [toyInputs(samples, 2)],
  heldOutGroups: () => [],
};

async function distilled(transformer: Transformer, interval: { first: number; last: number }) {
  const events: DistilProgress[] = [];
  const result = await distilInterval({
    transformer,
    fingerprint: FINGERPRINT,
    interval,
    settings: { ...DEFAULT_DISTIL, steps: 40, batch: 4, heldOutSamples: 8, warmupSteps: 1, learningRate: 3e-2 },
    batches,
    shared: null,
    leading: null,
    resume: null,
    async save(url, parts): Promise<SavedFile> {
      for await (const _ of parts);
      return { url, sizeBytes: 0, sha256: '' };
    },
    onProgress: (event) => events.push(event),
    signal: new AbortController().signal,
  });
  const points = events.flatMap((event) => (event.kind === 'steps' ? event.points : []));
  const baselines = events.find((event) => event.kind === 'baselines')?.baselines;
  return { points, baselines, first: events.find((event) => event.kind === 'held-out')?.point, result };
}

describePerEngine(['wasm'], 'a model of declared streams', () => {
  test.each([
    ['one stream', ONE],
    ['three streams', THREE],
  ])('of %s is analysed, reported, detected in and planned', async (_, toy) => {
    const before = tf.memory().numTensors;
    const transformer = toyTransformer(toy);
    const report = await reportOf(transformer);
    const ids = toy.streams.map(({ id }) => id);
    expect(parseReport(JSON.stringify(report), 'report.json')).toEqual(report);
    expect(Object.keys(report.streams)).toEqual(ids);
    const { tokens, fitTokens, heldOutTokens } = report.calibration;
    // 3, 4 and 5 valid tokens in turn.
    expect(tokens).toEqual(Object.fromEntries(ids.map((id) => [id, id === 'latent' ? 24 * 6 : 24 * 4])));
    for (const id of ids) expect(fitTokens[id]! + heldOutTokens[id]!).toBe(tokens[id]);

    // A stream has figures where its blocks update it, and none elsewhere.
    for (const id of ids) {
      const { probeR2, similarity } = report.streams[id]!;
      const { cka, trajectories } = similarity.all!;
      const updated = toy.updates.map((streams) => streams.includes(id));
      expect(probeR2.map((r2) => r2 !== null)).toEqual(updated);
      expect(cka.debiased.map((row, i) => row[i])).toEqual(updated.map((yes) => (yes ? 1 : null)));
      const probed = trajectories.debiased['probe-u/teacher-after-k'];
      expect(probed.map((row, i) => row[i] !== null)).toEqual(updated);
    }
    const detected = detectIntervals(report, DEFAULT_DETECTION);
    expect(detected.length).toBeGreaterThan(0);
    expect(report.damage).toHaveLength(2 * detected.length);
    for (const id of ids) expect(() => detectIntervals(report, { ...DEFAULT_DETECTION, streams: id })).not.toThrow();

    const model = modelOf(transformer);
    const edits = [runEdit({ first: 0, last: 1 }, 'nothing'), runEdit({ first: 2, last: 4 }, 'probes')];
    const plan = buildPlan({ model, report, edits, detection: { ...DEFAULT_DETECTION, streams: ids.at(-1)! } });
    expect(parseRunPlan(formatPlan(plan), 'plan.json')).toEqual(plan);
    const probes = toy.updates[3]!.length + toy.updates[4]!.length;
    const block = ids.length * (TOY_WIDTH ** 2 + TOY_WIDTH);
    expect(plan.parameters.before).toBe(5 * block + 7);
    expect(plan.parameters.after).toBe(2 * block + 7 + probes * (TOY_WIDTH ** 2 + TOY_WIDTH));
    transformer.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  test('of three streams has probes that are fitted again bit for bit', async () => {
    const transformer = toyTransformer(THREE);
    const calibration = toyCalibration(transformer, 12);
    const analysed = await analyse(transformer, calibration);
    const probes = await probesOf(analysed.maps, transformer.architecture.blocks.keys());
    expect(probes[2]).toMatchObject({ audio: null, caption: { bias: expect.anything() } });
    const again = await fitMaps(transformer, calibration);
    expect([...again.values()]).toEqual(probes);
    transformer.dispose();
  });

  test('of three streams trains students on those that the last block of their run updates', async () => {
    const before = tf.memory().numTensors;
    const transformer = toyTransformer(THREE);
    await transformer.forward(toyInputs(1));
    for (const [interval, taught] of [
      [{ first: 0, last: 1 }, all],
      [{ first: 1, last: 2 }, ['latent', 'caption']],
      [{ first: 3, last: 4 }, ['latent', 'audio']],
    ] as const) {
      const { points, baselines, first, result } = await distilled(transformer, interval);
      expect(points.map(({ losses }) => Object.keys(losses))).toEqual(points.map(() => taught));
      expect(points).toHaveLength(40);
      for (const id of all) {
        const found = result.heldOut.student[id];
        expect(found === null).toBe(!taught.some((one) => one === id));
        if (found) expect(found.direction).toBeLessThan(first!.student[id]!.direction);
        expect(baselines!.probes[id] === null).toBe(found === null);
      }
    }
    transformer.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  test('of three streams keeps the states of all of them in the shared cache', async () => {
    const transformer = toyTransformer(THREE);
    const stored = new Map<string, Float32Array>();
    const cache: StateCache = {
      load: async (name) => stored.get(name) ?? null,
      store: async (name, values) => Boolean(stored.set(name, values)),
      has: async (name) => stored.has(name),
      sizeBytes: 2 ** 30,
      freeBytes: 2 ** 30,
      claim: async () => ({ renew: async () => {}, release: async () => {} }),
    };
    const boundary = { before: 0, after: 2 };
    const signal = new AbortController().signal;
    const valuesOf = async (states: TeacherStates) => {
      const { before, after, context } = await states.at(0, boundary, signal);
      const values = await Promise.all(
        [before, after].flatMap((state) => all.map(async (id) => [...(await state[id]!.data())])),
      );
      tf.dispose([...Object.values(before), ...Object.values(after)]);
      transformer.disposeContext(context);
      return values;
    };
    const computed = await valuesOf(new TeacherStates(transformer, batches, null));
    await valuesOf(new TeacherStates(transformer, batches, { cache, keep: [0, 2] }));
    expect(stored.size).toBeGreaterThan(1);
    expect(await valuesOf(new TeacherStates(transformer, batches, { cache, keep: [0, 2] }))).toEqual(computed);
    transformer.dispose();
  });
});
