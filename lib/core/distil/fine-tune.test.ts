import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { openTransformer } from '../model/index.ts';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import type { DistilProgress, SavedFile } from '../run/progress.ts';
import { DEFAULT_FINE_TUNE, type FineTuneSettings } from '../run/settings.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { fineTune } from './fine-tune.ts';
import { syntheticBatches } from './training-data.ts';

const settings: FineTuneSettings = { ...DEFAULT_FINE_TUNE, steps: 6, batch: 2, warmupSteps: 2, checkpointEvery: 2 };

async function run(
  changes: Partial<FineTuneSettings>,
  resumeFrom: Uint8Array<ArrayBuffer> | null = null,
  stopAfter = 99,
) {
  const golden = goldenQ1();
  const transformer = await openTransformer(golden.config, golden.checkpoint);
  const student = await transformer.readBlock(0);
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const losses: number[] = [];
  const stop = new AbortController();
  try {
    await fineTune({
      transformer,
      fingerprint: 'golden',
      students: [{ first: 0, last: 1, weights: student }],
      studentsKey: 'one',
      settings: { ...settings, ...changes },
      batches: syntheticBatches(golden.config, { batch: 2, seed: 0 }),
      resume: resumeFrom && { path: 'state', blob: new Blob([resumeFrom]) },
      async save(name, parts): Promise<SavedFile> {
        const chunks: Uint8Array<ArrayBuffer>[] = [];
        for await (const part of parts) chunks.push(Uint8Array.from(part));
        files.set(name, new Uint8Array(await new Blob(chunks).arrayBuffer()));
        return { url: name, sizeBytes: 0, sha256: '' };
      },
      onProgress(progress: DistilProgress, done) {
        if (progress.kind === 'steps') losses.push(...progress.points.map((point) => point.losses.image!));
        if (done >= stopAfter) stop.abort();
      },
      signal: stop.signal,
    }).catch((thrown: unknown) => {
      if (!stop.signal.aborted) throw thrown;
    });
    return { files, losses };
  } finally {
    student.dispose();
    transformer.dispose();
  }
}

describePerEngine(['wasm', 'tensorflow'], 'the joint fine-tune', () => {
  test("comes closer to the teacher's output, and leaves no tensor behind", async () => {
    const before = tf.memory().numTensors;
    const { losses, files } = await run({ steps: 30, learningRate: 3e-3 });
    const mean = (some: readonly number[]) => some.reduce((sum, loss) => sum + loss, 0) / some.length;
    expect(losses).toHaveLength(30);
    expect(mean(losses.slice(-5))).toBeLessThan(0.8 * mean(losses.slice(0, 5)));
    expect(files.has('student.safetensors')).toBe(true);
    expect(tf.memory().numTensors).toBe(before);
  });

  test('ends with the same bits when it is cut off and resumed from a checkpoint', async () => {
    const whole = await run({});
    const cut = await run({}, null, 4);
    const resumed = await run({}, cut.files.get('state-4.safetensors')!);
    expect(resumed.files.get('student.safetensors')).toEqual(whole.files.get('student.safetensors'));
    expect(resumed.losses).toEqual(whole.losses.slice(4));
  });
});
