import * as tf from '@tensorflow/tfjs-core';
import { afterAll, expect, it } from 'vitest';
import { nodeEngines } from './node-engines.ts';
import { WASM_MEMORY } from './wasm-memory.ts';

afterAll(() => {
  tf.removeBackend('wasm');
});

it('tells how far the memory of WASM has grown, which it does not give back', async () => {
  await nodeEngines().start('wasm');
  const before = WASM_MEMORY.now()!;
  const large = tf.ones([64, 1024, 1024]);
  await large.data();
  expect(WASM_MEMORY.now()! - before).toBeGreaterThan(200e6);
  large.dispose();
  expect(WASM_MEMORY.peak()! - before).toBeGreaterThan(200e6);
});
