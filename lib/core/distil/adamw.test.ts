import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { DEFAULT_DISTIL } from '../run/index.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { AdamW } from './adamw.ts';
import { flatten, layoutOf } from './parameters.ts';

/** WebGPU's `maxStorageBuffersPerShaderStage` is 8 by default, and one of them is the result. */
const MOST_INPUTS = 7;

describePerEngine(['cpu', 'wasm'], 'an AdamW step', () => {
  test('of more groups than WebGPU binds at once gives no operation all of them, and the norm over all', async () => {
    const groups = 20;
    const tensors = new Map(Array.from({ length: groups }, (_, i) => [`w${i}`, tf.ones([2, 3])]));
    const layout = layoutOf(tensors, 1);
    expect(layout).toHaveLength(groups);
    const optimizer = AdamW.startingAt(flatten(tensors, layout), layout, DEFAULT_DISTIL);
    const gradients = layout.map(() => tf.ones<tf.Rank.R1>([6]));
    const norms: tf.Scalar[] = [];
    const { kernels } = await tf.profile(() => {
      const norm = optimizer.step(gradients, 1, 1e-3);
      norms.push(norm);
      return norm;
    });
    expect(Math.max(...kernels.map(({ inputShapes }) => inputShapes.length))).toBeLessThanOrEqual(MOST_INPUTS);
    expect((await norms[0]!.data())[0]).toBeCloseTo(Math.sqrt(6 * groups), 4);
    optimizer.dispose();
    tf.dispose([...norms, ...tensors.values()]);
  });
});
