/** Students that are trained on states from a file, beside those that are trained on states that the teacher computes. */
import { readdir, readFile } from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { readForwardSamples } from '../capture/index.ts';
import { fileDigits, type NamedBlob, openFile } from '../checkpoint/index.ts';
import { openModel } from '../folder/open-model.ts';
import { openTransformer, pickSamples, type Transformer } from '../model/index.ts';
import type { DistilProgress } from '../run/progress.ts';
import { DEFAULT_DISTIL, type DistilSettings } from '../run/settings.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { type Boundaries, boundaryParts, openBoundaries } from '../trace/index.ts';
import { batchesFor } from './batches-for.ts';
import { distilInterval } from './distil-interval.ts';
import { releaseBatch, teacherBatch } from './teacher-states.ts';
import { fileBatches, syntheticBatches, type TrainingBatches } from './training-data.ts';

const TESTING = new URL('../../testing/', import.meta.url);
const INTERVAL = { first: 1, last: 2 };
const SETTINGS: DistilSettings = {
  ...DEFAULT_DISTIL,
  steps: 6,
  batch: 4,
  heldOutSamples: 4,
  heldOutEvery: 3,
  checkpointEvery: 3,
  warmupSteps: 1,
  start: 'best',
};

const fileAt = async (path: string): Promise<NamedBlob> => ({
  path: path.slice(path.lastIndexOf('/') + 1),
  blob: new Blob([await readFile(new URL(path, TESTING))]),
});

async function teacherOf(family: 'qwen-image' | 'flux') {
  const folder = `models/${family}/transformer`;
  const names = await readdir(new URL(folder, TESTING));
  const model = await openModel({
    files: await Promise.all(names.map((name) => fileAt(`${folder}/${name}`))),
    name: family,
  });
  const data = await fileAt(`traces/${family}/calibration.safetensors`);
  const transformer = await openTransformer(model.config, model.checkpoint);
  const file = { kind: 'file', file: data, heldOutBy: 'prompt-groups' } as const;
  return { model, data, transformer, batches: await batchesFor(model, file, SETTINGS) };
}

/** States of all samples of the data around the interval, as the teacher has them, written to a file. */
async function ownBoundaries(
  { model, data, transformer }: Awaited<ReturnType<typeof teacherOf>>,
  dtype: 'F32' | 'BF16' = 'F32',
): Promise<Boundaries> {
  const { inputs, groups } = await readForwardSamples(data, model.config);
  const { before, after, ...batch } = await teacherBatch(transformer, inputs, { before: 0, after: 2 });
  const { name, className, fingerprint, width, streams, stacks, blocks } = model.summary;
  const parts = boundaryParts(
    {
      model: { name, className, fingerprint, width, streams, stacks, blocks, config: model.config.raw },
      calibration: { name: data.path, digits: await fileDigits(data.blob) },
      intervals: [INTERVAL],
      dtype,
      samples: groups.length,
      tokens: { image: inputs.imageTokens, text: inputs.textTokens },
    },
    async function* (stream, block) {
      yield await (block === 0 ? before : after)[stream]!.data<'float32'>();
    },
  );
  const bytes: BlobPart[] = [];
  for await (const part of parts) bytes.push(part.slice());
  releaseBatch(transformer, { ...batch, before, after });
  return await openBoundaries({ path: 'boundaries.safetensors', blob: new Blob(bytes) });
}

async function trained(
  transformer: Transformer,
  batches: TrainingBatches,
  boundaries: Boundaries | null,
  settings: Partial<DistilSettings> = {},
) {
  const events: DistilProgress[] = [];
  const files = new Map<string, Blob>();
  await distilInterval({
    transformer,
    fingerprint: 'sha256:teacher',
    interval: INTERVAL,
    settings: { ...SETTINGS, ...settings },
    batches,
    shared: null,
    boundaries,
    leading: null,
    resume: null,
    async save(name, parts) {
      const bytes: BlobPart[] = [];
      for await (const part of parts) bytes.push(part.slice());
      files.set(name, new Blob(bytes));
      return { url: name, sizeBytes: 0, sha256: '' };
    },
    onProgress: (event) => events.push(event),
    signal: new AbortController().signal,
  });
  const student = await openFile({ path: 'student.safetensors', blob: files.get('student.safetensors')! });
  const weights: [string, number[]][] = [];
  for (const name of student.tensors.keys()) weights.push([name, [...(await student.readFloat32(name))]]);
  const told = events.filter(({ kind }) => kind === 'baselines' || kind === 'held-out');
  return { weights: new Map(weights), told };
}

/** Counts the blocks that run, by index. */
function counting(transformer: Transformer): Map<number, number> {
  const runs = new Map<number, number>();
  const { runStep } = transformer;
  transformer.runStep = (step, ...rest) => {
    if (step.kind === 'block') runs.set(step.index, (runs.get(step.index) ?? 0) + 1);
    return runStep(step, ...rest);
  };
  return runs;
}

describePerEngine(['wasm'], 'states from a file', () => {
  test.each(['qwen-image', 'flux'] as const)(
    'of the same bits train the student that the teacher trains, to the bit, and no block before the interval runs: %s',
    async (family) => {
      const opened = await teacherOf(family);
      const { transformer, batches } = opened;
      const boundaries = await ownBoundaries(opened);
      const tensors = tf.memory().numTensors;
      const expected = await trained(transformer, batches, null);
      const runs = counting(transformer);
      const found = await trained(transformer, batches, boundaries);
      expect(found).toEqual(expected);
      expect([...runs.keys()].sort()).toEqual([1, 2]);
      expect(tf.memory().numTensors).toBe(tensors);
      transformer.dispose();
    },
  );

  test.each(['qwen-image', 'flux'] as const)('of diffusers train nearly the same student: %s', async (family) => {
    const { transformer, batches } = await teacherOf(family);
    const boundaries = await openBoundaries(await fileAt(`traces/${family}/boundaries.safetensors`));
    const [expected, found] = [
      await trained(transformer, batches, null),
      await trained(transformer, batches, boundaries),
    ];
    for (const [name, values] of expected.weights) {
      const size = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
      const worst = Math.max(...values.map((value, at) => Math.abs(value - found.weights.get(name)![at]!)));
      expect(worst, name).toBeLessThan(1e-2 * size + 1e-3);
    }
    transformer.dispose();
  });

  test('in bfloat16 train the student of a run that rounds its states to bfloat16', async () => {
    const opened = await teacherOf('flux');
    const { transformer, batches } = opened;
    const rounded = await trained(transformer, batches, null, { stateDType: 'bf16' });
    const found = await trained(transformer, batches, await ownBoundaries(opened, 'BF16'), { stateDType: 'bf16' });
    expect(found.weights).toEqual(rounded.weights);
    transformer.dispose();
  });

  test('are refused where they do not fit the samples', async () => {
    const opened = await teacherOf('flux');
    const { transformer, model, data, batches } = opened;
    const boundaries = await ownBoundaries(opened);
    const refused = async (given: Boundaries, of: TrainingBatches) =>
      await trained(transformer, of, given).then(
        () => null,
        (thrown: unknown) => thrown,
      );
    const synthetic = syntheticBatches(model.config, SETTINGS);
    expect(await refused(boundaries, synthetic)).toMatchObject({
      code: 'trace-invalid',
      summary: 'States from a file need training data from a file',
    });
    const { inputs, groups } = await readForwardSamples(data, model.config);
    const first = Uint32Array.from({ length: 21 }, (_, sample) => sample);
    const fewer = { inputs: pickSamples(inputs, first), groups: groups.slice(0, 21) };
    expect(await refused(boundaries, fileBatches(fewer, 'fewer', SETTINGS, 'prompt-groups'))).toMatchObject({
      code: 'trace-invalid',
      details: { found: 'states of 24 samples', expected: '21' },
    });
    const narrow = { ...boundaries, model: { ...boundaries.model, width: 8 } };
    expect(await refused(narrow, batches)).toMatchObject({ summary: expect.stringContaining('another width') });
    const short = { ...boundaries, tokens: { ...boundaries.tokens, text: 3 } };
    expect(await refused(short, batches)).toMatchObject({
      summary: 'The states of the text stream do not fit its tokens',
      details: { found: 'states of 3 tokens', expected: '7 tokens' },
    });
    transformer.dispose();
  });
});
