import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { openCheckpoint } from '../checkpoint/index.ts';
import { openTransformer, pickSamples } from '../model/index.ts';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import { DEFAULT_DISTIL } from '../run/settings.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { withGradient } from '../tensor/with-gradient.ts';
import { distilInterval } from './distil-interval.ts';
import { lossAndGradients } from './gradients.ts';
import { syntheticBatches, type TrainingBatches } from './training-data.ts';

const golden = goldenQ1();
const SAMPLES = 4;
const whole = syntheticBatches(golden.config, { batch: SAMPLES, seed: 5 });

/** The same samples in batches of `batch`. */
function inBatchesOf(batch: number): TrainingBatches {
  const parts = SAMPLES / batch;
  const inputs = (index: number) =>
    pickSamples(
      whole.inputs(Math.floor(index / parts)),
      Array.from({ length: batch }, (_, i) => (index % parts) * batch + i),
    );
  return { ...whole, batch, inputs };
}

async function trained(batch: number) {
  const transformer = await openTransformer(golden.config, golden.checkpoint);
  const losses: number[] = [];
  const written: Uint8Array<ArrayBuffer>[] = [];
  try {
    await distilInterval({
      transformer,
      fingerprint: 'golden',
      interval: { first: 0, last: 1 },
      settings: {
        ...DEFAULT_DISTIL,
        learningRate: 1e-3,
        steps: 3,
        warmupSteps: 0,
        heldOutSamples: 2,
        batch,
        accumulation: SAMPLES / batch,
      },
      batches: inBatchesOf(batch),
      shared: null,
      leading: null,
      resume: null,
      async save(url, parts) {
        for await (const part of parts) if (url === 'student.safetensors') written.push(Uint8Array.from(part));
        return { url, sizeBytes: 0, sha256: '' };
      },
      onProgress(progress) {
        if (progress.kind === 'steps') losses.push(...progress.points.map(({ losses: { image } }) => image!));
      },
      signal: new AbortController().signal,
    });
  } finally {
    transformer.dispose();
  }
  const student = await openCheckpoint([{ path: 'student.safetensors', blob: new Blob(written) }]);
  const names = [...student.tensors.keys()];
  return {
    losses,
    weights: (await Promise.all(names.map((name) => student.readFloat32(name)))).flatMap((x) => [...x]),
  };
}

describePerEngine(['wasm', 'tensorflow'], 'accumulation', () => {
  test('over micro-batches trains as one batch of all their samples does', async () => {
    const [big, small] = [await trained(SAMPLES), await trained(1)];
    expect(small.losses).toHaveLength(3);
    for (const [i, loss] of small.losses.entries()) expect(loss / big.losses[i]!).toBeCloseTo(1, 5);
    // Adam turns rounding of the smallest gradients into steps of the learning rate: in the mean the weights agree.
    const squares = small.weights.map((w, i) => (w - big.weights[i]!) ** 2);
    const moved = 3 * 1e-3;
    expect(Math.sqrt(squares.reduce((sum, square) => sum + square) / squares.length)).toBeLessThan(0.01 * moved);
  });

  test('adds gradients to those before them, also of parameters that a batch does not reach', () => {
    const [a, b] = [tf.tensor1d([1, 2]), tf.tensor1d([3])];
    const tensors = tf.memory().numTensors;
    const lossesOf = (vectors: readonly tf.Tensor1D[]) => ({ image: tf.sum(tf.square(vectors[0]!)) as tf.Scalar });
    const first = lossAndGradients([a, b], lossesOf);
    const second = lossAndGradients([a, b], lossesOf, first.gradients);
    expect(second.gradients.map((gradient) => [...gradient.dataSync()])).toEqual([[4, 8], [0]]);
    tf.dispose([first.losses.image!, second.losses.image!, ...second.gradients]);
    expect(tf.memory().numTensors).toBe(tensors);
    tf.dispose([a, b]);
  });

  test('and single batches free what the backward pass is done with while it goes on', () => {
    const held: number[] = [];
    const counting = (x: tf.Tensor1D) =>
      withGradient(
        [x],
        () => tf.clone(x),
        (dy) => {
          held.push(tf.memory().numTensors);
          return [tf.clone(dy)];
        },
      );
    const x = tf.tensor1d([1, 2, 3]);
    const { losses, gradients } = lossAndGradients([x], (vectors) => {
      let y = counting(vectors[0]!);
      for (let i = 0; i < 20; i++) y = tf.square(y);
      return { image: tf.sum(counting(y)) as tf.Scalar };
    });
    const [atFirst, atLast] = held;
    expect(atLast).toBeLessThan(atFirst! - 10);
    tf.dispose([x, losses.image!, ...gradients]);
  });
});
