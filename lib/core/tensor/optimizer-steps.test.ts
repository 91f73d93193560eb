import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { seededRandom } from '../random.ts';
import { adamStep, sumOfSquares } from './optimizer-steps.ts';
import { describePerEngine } from './test-engines.ts';

const LENGTH = 1003;
const rates = { learningRate: 1e-2, beta1: 0.9, beta2: 0.95, epsilon: 1e-3 };

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'an optimizer step', () => {
  const random = seededRandom(8);
  const normals = () => Float32Array.from({ length: LENGTH }, () => random.normal());
  const zeros = () => tf.zeros<tf.Rank.R1>([LENGTH]);

  test('of Adam is its definition, three times over, and leaves nothing behind', async () => {
    const start = normals();
    const gradients = [normals(), normals(), normals()];
    const [w, m, v] = [Float64Array.from(start), new Float64Array(LENGTH), new Float64Array(LENGTH)];
    const before = tf.memory().numTensors;
    let vectors = { weights: tf.tensor1d(start), firstMoment: zeros(), secondMoment: zeros() };
    for (const [i, values] of gradients.entries()) {
      const gradient = tf.tensor1d(values);
      const step = i + 1;
      const consumed = vectors;
      vectors = adamStep(consumed, gradient, { ...rates, step });
      expect(Object.values(consumed).every(({ isDisposed }) => isDisposed)).toBe(true);
      expect(gradient.isDisposed).toBe(false);
      gradient.dispose();
      values.forEach((g, k) => {
        m[k] = rates.beta1 * m[k]! + (1 - rates.beta1) * g;
        v[k] = rates.beta2 * v[k]! + (1 - rates.beta2) * g ** 2;
        const root = Math.sqrt(v[k]! / (1 - rates.beta2 ** step)) + rates.epsilon;
        w[k] = w[k]! - (rates.learningRate * (m[k]! / (1 - rates.beta1 ** step))) / root;
      });
    }
    for (const [tensor, expected] of [
      [vectors.weights, w],
      [vectors.firstMoment, m],
      [vectors.secondMoment, v],
    ] as const) {
      (await tensor.data()).forEach((value, k) => {
        expect(Math.abs(value - expected[k]!)).toBeLessThan(2e-6);
      });
      tensor.dispose();
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  test('changes no other holder of what it consumes: a clone, a reshape, the array that it was made of', async () => {
    const start = normals();
    const weights = tf.tensor1d(start);
    const clone = tf.clone(weights);
    const reshaped = tf.reshape(weights, [17, 59]);
    const moment = tf.ones<tf.Rank.R1>([LENGTH]);
    const secondMoment = tf.clone(moment);
    const gradient = tf.tensor1d(normals());
    const original = start.slice();
    const next = adamStep({ weights, firstMoment: moment, secondMoment }, gradient, { ...rates, step: 1 });
    expect(await next.weights.data()).not.toEqual(original);
    expect(start).toEqual(original);
    expect(await clone.data()).toEqual(original);
    expect(await reshaped.data()).toEqual(original);
    tf.dispose([clone, reshaped, gradient, next.weights, next.firstMoment, next.secondMoment]);
  });

  test.each([[LENGTH], [2 ** 21 + 5]])('sums %i squares without losing the small ones', async (length) => {
    const x = tf.fill<tf.Rank.R1>([length], 0.1);
    const sum = sumOfSquares(x);
    expect((await sum.data())[0]! / (length * Math.fround(0.1) ** 2)).toBeCloseTo(1, 4);
    tf.dispose([x, sum]);
  });

  test('adds up squares without an empty tensor, which WebGPU has no buffer for', async () => {
    // Of a matrix of 1536 by 1536, as of any full-width model, whole rows of the sum leave no rest.
    for (const length of [4096, 8192, 4096 + 5, 5]) {
      const x = tf.fill([length], 0.5) as tf.Tensor1D;
      const { kernels } = await tf.profile(() => sumOfSquares(x));
      expect(kernels.flatMap(({ inputShapes }) => inputShapes).filter((shape) => shape?.includes(0))).toEqual([]);
      const sum = sumOfSquares(x);
      expect((await sum.data())[0]).toBeCloseTo(length / 4, 3);
      tf.dispose([x, sum]);
    }
  });
});
