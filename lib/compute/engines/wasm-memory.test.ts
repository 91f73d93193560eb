import * as tf from '@tensorflow/tfjs-core';
import { afterAll, expect, it } from 'vitest';
import { nodeEngines } from './node-engines.ts';
import { wasmMemory } from './wasm-memory.ts';

afterAll(() => {
  tf.removeBackend('wasm');
});

async function useAndFree(bytes: number): Promise<void> {
  const large = tf.ones([bytes / 4]);
  await large.data();
  large.dispose();
}

it('tells how far the memory of WASM grows while it measures, and counts what was freed before as free', async () => {
  await nodeEngines().start('wasm');
  const first = wasmMemory();
  const [before, taken] = [first.now()!, first.taken!()];
  await useAndFree(2 ** 28);
  expect(first.peak()).toBeGreaterThan(before + 2 ** 28 - 2 ** 24);
  expect(first.now()).toBeCloseTo(before, -6);

  const second = wasmMemory();
  expect(second.now()).toBeCloseTo(before, -6);
  await useAndFree(2 ** 27);
  // What was freed had room for it.
  expect(second.peak()).toBeNull();
  expect(second.taken!()).toBeGreaterThan(taken + 2 ** 27);
});
