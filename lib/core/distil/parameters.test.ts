import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { describePerEngine } from '../tensor/test-engines.ts';
import { lossAndGradients } from './gradients.ts';
import { cutUp, flatten, layoutOf } from './parameters.ts';

const tensors = () =>
  new Map<string, tf.Tensor>([
    ['b', tf.tensor1d([1, 2, 3])],
    ['c', tf.tensor2d([4, 5, 6, 7], [2, 2])],
    ['a', tf.tensor1d([8])],
  ]);

describePerEngine(['wasm', 'tensorflow'], 'flat parameters', () => {
  test('lie in the order of their names, the large ones alone, and come back as they were', async () => {
    const layout = layoutOf(tensors(), 3);
    expect(layout.map((group) => group.map(({ name }) => name))).toEqual([['a'], ['b'], ['c']]);
    expect(layoutOf([...tensors()].reverse(), 3)).toEqual(layout);
    const back = cutUp(flatten(tensors(), layout), layout);
    expect(back.get('c')!.shape).toEqual([2, 2]);
    expect([...(await back.get('c')!.data())]).toEqual([4, 5, 6, 7]);
    expect([...(await back.get('b')!.data())]).toEqual([1, 2, 3]);
  });

  test('that no loss depends on have the gradient zero, in vectors of their own too', async () => {
    const vectors = flatten(tensors(), layoutOf(tensors(), 3));
    const { losses, gradients } = lossAndGradients(vectors, ([, b]) => ({ image: tf.sum(tf.square(b!)) }));
    expect(Object.keys(losses)).toEqual(['image']);
    expect((await losses.image!.data())[0]).toBe(14);
    expect(await Promise.all(gradients.map(async (gradient) => [...(await gradient.data())]))).toEqual([
      [0],
      [2, 4, 6],
      [0, 0, 0, 0],
    ]);
  });
});
