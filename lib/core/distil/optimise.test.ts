import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { ContiguaError } from '../errors.ts';
import { DEFAULT_DISTIL } from '../run/settings.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { type OptimiseOptions, optimise } from './optimise.ts';

const layout = [[{ name: 'w', shape: [2], size: 2 }]];

describePerEngine(['cpu'], 'a training loop', () => {
  test('that is stopped while a batch is being made saves the step before, and leaves no tensor behind', async () => {
    const tensors = tf.memory().numTensors;
    const stop = new AbortController();
    const saved: number[] = [];
    const reported: number[] = [];
    const options: OptimiseOptions = {
      settings: { ...DEFAULT_DISTIL, steps: 9, warmupSteps: 0, accumulation: 2, checkpointEvery: 100 },
      layout,
      start: { step: 0, weights: [tf.tensor1d([1, 2])] },
      async differentiate(_, index, sum) {
        // In the middle of the fourth step.
        if (index === 7) {
          stop.abort();
          throw new ContiguaError('cancelled', 'Stopped');
        }
        if (sum) tf.dispose([...sum]);
        return { losses: { image: tf.scalar(1) }, gradients: [tf.tensor1d([1, 1])] };
      },
      task: 'test',
      async saveState(step) {
        saved.push(step);
        return { url: '', sizeBytes: 0, sha256: '' };
      },
      onSteps: (points) => reported.push(...points.map(({ step }) => step)),
      onCheckpoint: () => {},
      afterStep: async () => {},
      signal: new AbortController().signal,
      stop: stop.signal,
    };
    await expect(optimise(options)).rejects.toMatchObject({ code: 'cancelled' });
    expect(saved).toEqual([3]);
    expect(reported).toEqual([1, 2, 3]);
    expect(tf.memory().numTensors).toBe(tensors);
  });
});
