import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, it } from 'vitest';
import type { Transformer } from '../model/index.ts';
import { memoryStates, type StateStore } from '../states/index.ts';
import { startTestEngine } from '../tensor/test-engines.ts';
import { type Batch, Lane } from './lane.ts';

beforeAll(() => startTestEngine('cpu'));

it('leaves nothing of a fork on the engine or in the store where the store has no room for it', async () => {
  const states = memoryStates();
  let left = 3;
  const store: StateStore = Object.assign(Object.create(states) as StateStore, {
    async seal(key: string) {
      if (--left < 0) throw new Error('the disk is full');
      await states.seal(key);
    },
  });
  const before = tf.memory().numTensors;
  const batches = Array<Batch>(2).fill({} as Batch);
  const lane = new Lane({ transformer: {} as Transformer, batches, store, spills: true }, 'whole');
  for (const _ of batches) await lane.push({ image: tf.ones([1, 2, 4]) });
  const { memoryBytes } = states.usage;
  await expect(lane.fork('reference')).rejects.toThrow('the disk is full');
  expect(tf.memory().numTensors).toBe(before);
  expect(states.usage.memoryBytes).toBe(memoryBytes);
  await lane.dispose();
  expect(states.usage.memoryBytes).toBe(0);
});
