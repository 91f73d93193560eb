import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { describePerEngine } from '../tensor/test-engines.ts';
import { lossAndGradients } from './gradients.ts';
import type { FlatParameters, ParameterLayout } from './parameters.ts';
import { StudentGradients } from './recorded-gradients.ts';

const layout: ParameterLayout = [[{ name: 'a', shape: [3], size: 3 }], [{ name: 'b', shape: [2], size: 2 }]];

/** Two streams' losses of parameters of which the second takes no part. */
const lossesOf =
  (target: tf.Tensor) =>
  ([a]: FlatParameters) => {
    // A parameter is read by one operation alone.
    const weights = tf.mul(a!, 2);
    return {
      image: tf.mean(tf.squaredDifference(weights, target)) as tf.Scalar,
      text: tf.sum(tf.square(weights)) as tf.Scalar,
    };
  };

describePerEngine(['wasm', 'tensorflow'], 'gradients step after step', (engine) => {
  test('are those of the operations, with parameters and inputs of every step', () => {
    const tensors = tf.memory().numTensors;
    const gradients = new StudentGradients(['image', 'text'], layout);
    for (let step = 0; step < 3; step++) {
      const parameters = [tf.tensor1d([step, 2, 3]), tf.tensor1d([1, 1])];
      const target = tf.tensor1d([0.5, step, 1]);
      const sums = () => [tf.tensor1d([1, 1, 1]), tf.tensor1d([2, 3])];
      for (const isAdded of [false, true]) {
        const wanted = lossAndGradients(parameters, lossesOf(target), isAdded ? sums() : null);
        const given = new Map([['target', target]]);
        const found = gradients.of(parameters, given, lossesOf(target), isAdded ? sums() : null);
        expect(Object.keys(found.losses)).toEqual(['image', 'text']);
        const values = ({ losses, gradients }: typeof found) =>
          [...Object.values(losses), ...gradients].map((tensor) => [...tensor.dataSync()]);
        expect(values(found)).toEqual(values(wanted));
        for (const one of [found, wanted]) tf.dispose([...Object.values(one.losses), ...one.gradients]);
      }
      tf.dispose([...parameters, target]);
    }
    gradients.dispose();
    expect(tf.memory().numTensors).toBe(tensors);
  });

  test('call the losses at every step, or once where the engine records them', () => {
    const countCalls = (size: number) => {
      let calls = 0;
      const gradients = new StudentGradients(['image'], [[{ name: 'a', shape: [size], size }]]);
      for (let step = 0; step < 3; step++) {
        const losses = ([a]: FlatParameters) => {
          calls++;
          return { image: tf.sum(tf.square(a!)) as tf.Scalar };
        };
        const a = tf.zeros<tf.Rank.R1>([size]);
        const found = gradients.of([a], new Map(), losses, null);
        tf.dispose([a, found.losses.image!, ...found.gradients]);
      }
      gradients.dispose();
      return calls;
    };
    expect(countCalls(3)).toBe(engine === 'tensorflow' ? 1 : 3);
    // A large student's steps free memory as they go on.
    expect(countCalls(2 ** 24 + 1)).toBe(3);
  });
});
