import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { type CapturedBlock, calibrationFor, captureStates } from '../capture/index.ts';
import { detectIntervals } from '../detection/index.ts';
import { DEFAULT_DETECTION } from '../detection/settings.ts';
import { type OpenModel, openModel } from '../folder/open-model.ts';
import { openTransformer, streamMask, streamTokens } from '../model/index.ts';
import { parseReport } from '../report/index.ts';
import { memoryStates } from '../states/index.ts';
import { integersOf } from '../tensor/index.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { openTrace, type Trace, traceStates } from '../trace/index.ts';
import { analyse, analyseStates } from './analyse.ts';
import { reportOf } from './report-of.ts';
import { tracedStates } from './states-source.ts';

const TESTING = new URL('../../testing/', import.meta.url);
/** Of tools/capture/test_capture.py: the trace's folder and the model's. */
const FIXTURES = [
  ['qwen-image', 'qwen-image'],
  ['qwen-image-edit', 'qwen-image'],
  ['sd3', 'sd3'],
  ['flux', 'flux'],
  ['flux2', 'flux2'],
] as const;
const WIDTH = 16;

async function blobOf(path: string): Promise<Blob> {
  return new Blob([await readFile(new URL(path, TESTING))]);
}

async function traceOf(name: string): Promise<Trace> {
  return await openTrace({ path: 'trace.safetensors', blob: await blobOf(`traces/${name}/trace.safetensors`) });
}

async function modelOf(name: string): Promise<OpenModel> {
  const files = ['config.json', 'diffusion_pytorch_model.safetensors'];
  const blobs = files.map(async (path) => ({ path, blob: await blobOf(`models/${name}/transformer/${path}`) }));
  return await openModel({ files: await Promise.all(blobs), name });
}

const calibrationOf = async (model: OpenModel, name: string) =>
  await calibrationFor(model, {
    kind: 'file',
    file: { path: 'calibration.safetensors', blob: await blobOf(`traces/${name}/calibration.safetensors`) },
  });

const ENGINE = { name: 'cpu', device: 'test', threads: null, why: '', candidates: [] } as const;

describePerEngine(['cpu', 'wasm'], 'a trace of diffusers', () => {
  it.each(FIXTURES)('holds the states that our own forward pass gives: %s', async (name, modelName) => {
    const trace = await traceOf(name);
    const model = await modelOf(modelName);
    const calibration = await calibrationOf(model, name);
    expect(trace.samples.facts.file).toEqual({
      name: 'calibration.safetensors',
      digits: calibration.facts.file?.digits,
    });
    expect([...trace.samples.groups]).toEqual([...calibration.groups]);
    expect([...trace.samples.levels].map((level) => level.toFixed(6))).toEqual(
      [...calibration.levels].map((level) => level.toFixed(6)),
    );

    // The place of each token that is captured, by sample and token.
    const places: Record<string, Map<string, number>> = {};
    for (const stream of trace.model.streams) places[stream.id] = new Map();
    const transformer = await openTransformer(model.config, model.checkpoint);
    let sampleFrom = 0;
    for (const inputs of calibration.batches) {
      for (const stream of transformer.architecture.streams) {
        const [tokens, mask] = [streamTokens(inputs, stream), streamMask(inputs, stream)];
        const found = places[stream.id]!;
        for (let at = 0; at < inputs.batch * tokens; at++) {
          if (mask && !mask[at]) continue;
          found.set(`${sampleFrom + Math.floor(at / tokens)} ${at % tokens}`, found.size);
        }
      }
      sampleFrom += inputs.batch;
    }

    const traced = traceStates(trace);
    let worst = 0;
    for await (const { index, states } of captureStates(transformer, calibration)) {
      const { value } = await traced.next();
      expect(value?.index).toBe(index);
      for (const { id } of trace.model.streams) {
        const [sample, token] = await Promise.all(
          ['sample', 'token'].map(async (of) => {
            const tensor = `${id}.${of}`;
            const read = integersOf(trace.checkpoint.tensors.get(tensor)?.dtype)!;
            return read(await trace.checkpoint.readBytes(tensor));
          }),
        );
        const own = states[id]!;
        const largest = own.reduce((most, one) => Math.max(most, Math.abs(one)), 1);
        for (let row = 0; row < sample!.length; row++) {
          const from = places[id]!.get(`${sample![row]} ${token![row]}`)!;
          for (let feature = 0; feature < WIDTH; feature++) {
            const difference = own[from * WIDTH + feature]! - value.states[id]![row * WIDTH + feature]!;
            worst = Math.max(worst, Math.abs(difference) / largest);
          }
        }
      }
    }
    transformer.dispose();
    expect(worst).toBeLessThan(1e-4);
  });

  it.each(FIXTURES)('is analysed without weights, into a report that can be read: %s', async (name, modelName) => {
    const trace = await traceOf(name);
    const stages = new Set<string>();
    const analysed = await analyseStates(tracedStates(trace), { onProgress: ({ stage }) => stages.add(stage) });
    const { summary } = await modelOf(modelName);
    const report = parseReport(JSON.stringify(reportOf(analysed, summary, ENGINE)), 'report.json');
    expect(report.calibration).toMatchObject({ kind: 'trace', tokens: { image: 96, text: 96 } });
    expect(report.split).toMatchObject({ rule: 'prompt-groups', groups: 8, heldOutGroups: 2 });
    // Nothing that needs weights, and everything else.
    expect(report.damage).toEqual([]);
    expect(report.settings.damageSamples).toBeNull();
    expect(report.blockMs.every((ms) => ms === null)).toBe(true);
    expect(stages.has('damage')).toBe(false);
    expect(report.streams.image!.probeR2.every((r2) => r2 !== null)).toBe(true);
    expect(report.streams.text!.probeR2.at(-1)).toBeNull();
    expect(report.streams.image!.similarity['held-out']?.bounds).not.toBeNull();
    expect(report.confidence?.groups).toBe(2);
    expect(report.bands).toHaveLength(3);
    expect(report.proxies?.blockInfluence.image).toHaveLength(report.model.numBlocks);
    expect(report.directionErrors[0]![1]).toBeGreaterThan(0);
    expect(detectIntervals(report, { ...DEFAULT_DETECTION, rows: 'all' })).toBeDefined();
  });

  it('is read on some of its rows, as many of every sample, and the report says so', async () => {
    const trace = await traceOf('flux');
    const source = tracedStates(trace, 72);
    for (const { id } of trace.model.streams) {
      const sampleOf = source.samples.rows[id]!;
      const counts = new Map<number, number>();
      for (const sample of sampleOf) counts.set(sample, (counts.get(sample) ?? 0) + 1);
      expect([...counts.values()]).toEqual(Array(24).fill(3));
    }
    // What is yielded, and what a store gives by ranges, are rows of the file, each of the sample that it is said to be of.
    const store = source.storeOver(memoryStates());
    const all = tracedStates(trace);
    for await (const { index, states } of source.states({})) {
      for (const { id } of trace.model.streams) {
        const key = `${id}/${index}`;
        expect(await store.shape(key)).toEqual({ rows: 72, width: WIDTH });
        const whole = await all.storeOver(memoryStates()).read(key);
        const rowsOf = new Map<string, number[]>();
        for (let row = 0; row < 96; row++) {
          const text = whole.subarray(row * WIDTH, (row + 1) * WIDTH).join();
          rowsOf.set(text, [...(rowsOf.get(text) ?? []), all.samples.rows[id]![row]!]);
        }
        for (let row = 0; row < 72; row++) {
          const own = states[id]!.subarray(row * WIDTH, (row + 1) * WIDTH);
          expect(rowsOf.get(own.join())).toContain(source.samples.rows[id]![row]);
        }
        expect([...(await store.read(key, 20, 50))]).toEqual([...states[id]!.subarray(20 * WIDTH, 50 * WIDTH)]);
      }
    }
    const report = reportOf(await analyseStates(source), (await modelOf('flux')).summary, ENGINE);
    expect(report.settings.tokens).toBe(72);
    expect(report.calibration).toMatchObject({
      tokens: { image: 72, text: 72 },
      validTokens: { image: 96, text: 96 },
    });
  });

  it('gives the figures of an analysis that captured the same tokens', async () => {
    // FLUX.1 has no mask: with every token in the trace both read the same rows.
    const model = await modelOf('flux');
    const calibration = await calibrationOf(model, 'flux');
    const transformer = await openTransformer(model.config, model.checkpoint);
    const { analysis: own } = await analyse(transformer, calibration);
    const states: CapturedBlock[] = [];
    for await (const one of captureStates(transformer, calibration)) states.push(one);
    transformer.dispose();
    const { rows, groups, levels, facts } = calibration;
    const { analysis: traced } = await analyseStates({
      ...tracedStates(await traceOf('flux')),
      samples: { rows, groups, levels, facts },
      storeOver: (store) => store,
      states: async function* ({ keep }) {
        for (const one of states) {
          await keep?.(one);
          yield one;
        }
      },
    });
    expect(traced.streams).toEqual(own.streams);
    expect(traced.directionErrors).toEqual(own.directionErrors);
    expect(traced.proxies).toEqual(own.proxies);
  });
});
