import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { describePerEngine } from './test-engines.ts';

describePerEngine(['tensorflow', 'wasm'], 'a product of matrices', () => {
  test.each([
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ])('with a transposed: %s, b transposed: %s is that of a batch of one', (transposeA, transposeB) => {
    const [rows, inner, columns] = [7, 33, 5];
    const a = tf.randomNormal<tf.Rank.R2>(transposeA ? [inner, rows] : [rows, inner], 0, 1, 'float32', 1);
    const b = tf.randomNormal<tf.Rank.R2>(transposeB ? [columns, inner] : [inner, columns], 0, 1, 'float32', 2);
    const tensors = tf.memory().numTensors;
    const product = tf.matMul(a, b, transposeA, transposeB);
    expect(product.shape).toEqual([rows, columns]);
    expect(tf.memory().numTensors).toBe(tensors + 1);
    const batched = tf.matMul(tf.expandDims(a), tf.expandDims(b), transposeA, transposeB);
    const difference = tf.max(tf.abs(tf.sub(batched, product))).dataSync()[0]!;
    expect(difference).toBeLessThan(1e-5);
    tf.dispose([a, b, product, batched]);
  });
});
