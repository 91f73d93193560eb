import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { ContiguaError } from '../errors.ts';
import { openTransformer } from '../model/index.ts';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import type { DistilProgress, SavedFile } from '../run/progress.ts';
import { DEFAULT_DISTIL, type DistilSettings } from '../run/settings.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { type DistilOptions, distilInterval } from './distil-interval.ts';
import { goldenDistil } from './goldens/golden-distil.ts';
import { syntheticBatches } from './training-data.ts';

const settings: DistilSettings = {
  ...DEFAULT_DISTIL,
  steps: 6,
  batch: 2,
  warmupSteps: 2,
  heldOutSamples: 2,
  heldOutEvery: 3,
  checkpointEvery: 2,
};

async function run(
  changes: Partial<DistilSettings>,
  resumeFrom: Uint8Array<ArrayBuffer> | null = null,
  stopAfter = 99,
  how: 'at once' | 'in order' = 'at once',
  /** Files that find no room before one does. */
  full = 0,
) {
  const golden = goldenQ1();
  const transformer = await openTransformer(golden.config, golden.checkpoint);
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const events: DistilProgress[] = [];
  const cut = new AbortController();
  const stop = new AbortController();
  const all = { ...settings, ...changes };
  try {
    const result = await distilInterval({
      transformer,
      fingerprint: 'golden',
      interval: { first: 0, last: 1 },
      settings: all,
      batches: syntheticBatches(golden.config, { batch: all.batch, seed: all.seed }),
      shared: null,
      leading: null,
      resume: resumeFrom && { path: 'state', blob: new Blob([resumeFrom]) },
      async save(name, parts): Promise<SavedFile> {
        if (full-- > 0) throw new ContiguaError('disk-full', 'There is no room for this file');
        const chunks: Uint8Array<ArrayBuffer>[] = [];
        for await (const part of parts) chunks.push(Uint8Array.from(part));
        files.set(name, new Uint8Array(await new Blob(chunks).arrayBuffer()));
        return { url: name, sizeBytes: 0, sha256: '' };
      },
      onProgress(progress, done) {
        events.push(progress);
        if (done >= stopAfter) (how === 'at once' ? cut : stop).abort();
      },
      signal: cut.signal,
      stop: stop.signal,
    }).catch((thrown: unknown) => thrown);
    return { result, files, events };
  } finally {
    transformer.dispose();
  }
}

/** The student of [1, 2] behind a way of one's own from the input. */
async function studentBehind(leading: DistilOptions['leading']): Promise<Uint8Array[]> {
  const golden = goldenDistil();
  const transformer = await openTransformer(golden.config, golden.checkpoint);
  const written: Uint8Array[] = [];
  try {
    await distilInterval({
      transformer,
      fingerprint: 'golden',
      interval: { first: 1, last: 2 },
      settings: { ...settings, steps: 2 },
      batches: syntheticBatches(golden.config, { batch: 2, seed: 0 }),
      shared: null,
      leading,
      resume: null,
      async save(url, parts) {
        for await (const part of parts) if (url === 'student.safetensors') written.push(Uint8Array.from(part));
        return { url, sizeBytes: 0, sha256: '' };
      },
      onProgress: () => {},
      signal: new AbortController().signal,
    });
    return written;
  } finally {
    transformer.dispose();
  }
}

const lossesOf = (events: readonly DistilProgress[]) =>
  events.flatMap((event) => (event.kind === 'steps' ? event.points.map(({ losses }) => losses.image) : []));

describePerEngine(['wasm', 'tensorflow'], 'a student in training', () => {
  test('errs less on held-out samples than at first, reports every step once, and leaves no tensor behind', async () => {
    const before = tf.memory().numTensors;
    const { files, events } = await run({ steps: 30, learningRate: 3e-3 });
    const errors = events.flatMap((event) => (event.kind === 'held-out' ? event.point : []));
    expect(errors.map(({ step }) => step)).toEqual([0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30]);
    expect(errors.at(-1)!.student.image!.direction).toBeLessThan(errors[0]!.student.image!.direction * 0.99);
    expect(lossesOf(events)).toHaveLength(30);
    expect(files.has('student.safetensors')).toBe(true);
    expect(tf.memory().numTensors).toBe(before);
  });

  test('leaves no tensor behind when it is stopped while the baselines are measured', async () => {
    const before = tf.memory().numTensors;
    const { events, files } = await run({}, null, 0);
    expect(events.map(({ kind }) => kind)).toEqual(['baselines']);
    expect(files.size).toBe(0);
    expect(tf.memory().numTensors).toBe(before);
  });

  test('ends with the same bits when it is cut off and resumed from a checkpoint', async () => {
    const whole = await run({ ema: 0.9 });
    const cut = await run({ ema: 0.9 }, null, 4);
    const state = cut.files.get('state-4.safetensors')!;
    const resumed = await run({ ema: 0.9 }, state);
    expect(resumed.files.get('student.safetensors')).toEqual(whole.files.get('student.safetensors'));
    expect(lossesOf(resumed.events)).toEqual(lossesOf(whole.events).slice(4));
  });

  test('an average with warm-up ends with the same bits when it is cut off, and not as one without', async () => {
    const settings = { ema: 0.3, emaWarmup: true };
    const whole = await run(settings);
    const cut = await run(settings, null, 4);
    const resumed = await run(settings, cut.files.get('state-4.safetensors')!);
    expect(resumed.files.get('student.safetensors')).toEqual(whole.files.get('student.safetensors'));
    const level = await run({ ema: 0.3 });
    expect(level.files.get('student.safetensors')).not.toEqual(whole.files.get('student.safetensors'));
  });

  test('stopped in order, saves the step it has just made, and ends with the same bits when it goes on from there', async () => {
    const changes = { ema: 0.9, heldOutEvery: 1, checkpointEvery: 5 };
    const whole = await run(changes);
    const before = tf.memory().numTensors;
    const stopped = await run(changes, null, 3, 'in order');
    expect(stopped.result).toMatchObject({ code: 'cancelled' });
    expect(tf.memory().numTensors).toBe(before);
    // The step's losses and its held-out error are told before the checkpoint that a resumed run begins behind.
    expect(stopped.events.at(-1)).toMatchObject({ kind: 'checkpoint', step: 3 });
    expect(lossesOf(stopped.events)).toEqual(lossesOf(whole.events).slice(0, 3));
    const resumed = await run(changes, stopped.files.get('state-3.safetensors')!);
    expect(resumed.files.get('student.safetensors')).toEqual(whole.files.get('student.safetensors'));
  });

  test('stopped in order before its first step, saves nothing and ends', async () => {
    const stopped = await run({}, null, 0, 'in order');
    expect(stopped.result).toMatchObject({ code: 'cancelled' });
    expect(stopped.events.map(({ kind }) => kind)).toEqual(['baselines']);
    expect(stopped.files.size).toBe(0);
  });

  test('waits for room on a full disk instead of losing its steps', async () => {
    const whole = await run({});
    const crowded = await run({}, null, 99, 'at once', 2);
    expect(crowded.events.filter(({ kind }) => kind === 'checkpoint')).toHaveLength(2);
    expect(crowded.files.get('student.safetensors')).toEqual(whole.files.get('student.safetensors'));
  });

  test('behind the teacher’s own blocks is the student of the teacher’s states, and another one behind others', async () => {
    const own = await studentBehind(null);
    expect(await studentBehind({ route: [{ kind: 'block', index: 0 }], key: 'the same' })).toEqual(own);
    expect(await studentBehind({ route: [{ kind: 'block', index: 3 }], key: 'another' })).not.toEqual(own);
  });
});
