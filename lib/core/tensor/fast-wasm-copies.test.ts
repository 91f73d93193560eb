import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { startTestEngine } from './test-engines.ts';

/** Numbers that float32 holds exactly, sums included, so that every engine gives the same bits. */
const counted = (shape: number[]) =>
  tf.tensor(
    Float32Array.from({ length: tf.util.sizeFromShape(shape) }, (_, i) => (i * 7919) % 100),
    shape,
  );

const cases: [string, number[], (x: tf.Tensor) => tf.Tensor[]][] = [
  ['a slice of a vector', [50], (x) => [tf.slice(x, [7], [20])]],
  ['a slice of rows', [9, 5], (x) => [tf.slice(x, [2, 0], [4, 5])]],
  ['a slice of columns', [9, 5], (x) => [tf.slice(x, [0, 3], [9, 2])]],
  ['a slice in the middle of four dimensions', [3, 4, 5, 6], (x) => [tf.slice(x, [1, 1, 2, 0], [2, 2, 3, 6])]],
  ['a slice cut on every side', [3, 4, 5, 6], (x) => [tf.slice(x, [1, 1, 2, 3], [2, 2, 3, 2])]],
  ['a slice to the end', [3, 4], (x) => [tf.slice(x, [1, 2])]],
  ['a slice of everything', [3, 4], (x) => [tf.slice(x, [0, 0], [3, 4])]],
  ['a slice of nothing', [3, 4], (x) => [tf.slice(x, [1, 1], [0, 3])]],
  ['a slice of five dimensions', [2, 3, 2, 3, 2], (x) => [tf.slice(x, [1, 1, 0, 1, 0], [1, 2, 2, 1, 2])]],
  ['a split of a vector', [30], (x) => tf.split(x, [3, 20, 7])],
  ['a split of tokens', [4, 7, 3], (x) => tf.split(x, [2, 5], 1)],
  ['a split of columns', [4, 6], (x) => tf.split(x, 3, 1)],
  ['a sum of rows', [40, 17], (x) => [tf.sum(x, 0)]],
  ['a sum of rows, kept', [40, 17], (x) => [tf.sum(x, 0, true)]],
  ['a sum of tokens', [3, 5, 4], (x) => [tf.sum(x, 1), tf.sum(x, 1, true)]],
  ['a sum of the first two dimensions', [3, 5, 4], (x) => [tf.sum(x, [1, 0]), tf.sum(x, [0, 1], true)]],
  ['a sum of the outer dimensions', [3, 5, 4], (x) => [tf.sum(x, [0, 2])]],
  ['a sum of the last dimension', [3, 5, 4], (x) => [tf.sum(x, -1)]],
  ['a sum of everything', [3, 5], (x) => [tf.sum(x)]],
  ['a sum of no rows', [0, 3], (x) => [tf.sum(x, 0)]],
  ['a product with a large matrix transposed', [70, 41], (x) => [tf.matMul(x, x, true), tf.matMul(x, x, false, true)]],
];

async function valuesOf(engine: 'cpu' | 'wasm', shape: number[], operation: (x: tf.Tensor) => tf.Tensor[]) {
  await startTestEngine(engine);
  const before = tf.memory().numTensors;
  const results = tf.tidy(() => operation(counted(shape)));
  const values = await Promise.all(results.map(async (result) => [result.shape, [...(await result.data())]]));
  tf.dispose(results);
  expect(tf.memory().numTensors).toBe(before);
  return values;
}

test.each(cases)('on wasm, %s is what the plain engine gives', async (_, shape, operation) => {
  expect(await valuesOf('wasm', shape, operation)).toEqual(await valuesOf('cpu', shape, operation));
});

test('whole numbers are left to the original kernels', async () => {
  await startTestEngine('wasm');
  const x = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2], 'int32');
  expect([...(await tf.sum(x, 0).data())]).toEqual([9, 12]);
  expect([...(await tf.slice(x, [1, 1], [2, 1]).data())]).toEqual([4, 6]);
});
