import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { seededRandom } from '../random.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { gelu } from './fused-gradients.ts';
import { attend, modulatedNorm } from './layers.ts';

const random = seededRandom(21);
const normals = (shape: number[], scale = 1) =>
  tf.tensor(
    Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () => scale * random.normal()),
    shape,
  );

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'a layer', () => {
  test('gelu is the tanh approximation, far from zero too', async () => {
    const x = tf.tensor1d([-40, -6, -1, -0.1, 0, 0.1, 1, 6, 40]);
    const found = await gelu(x).data();
    (await x.data()).forEach((v, i) => {
      const expected = 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)));
      expect(Math.abs(found[i]! - expected)).toBeLessThan(1e-6 * Math.max(1, Math.abs(expected)));
    });
  });

  test('the modulated norm holds for massive activations', async () => {
    const width = 64;
    const x = normals([1, 3, width]) as tf.Tensor3D;
    const spiked = tf.add(
      x,
      tf.tensor3d(
        Float32Array.from({ length: width }, (_, i) => (i === 5 ? 3e4 : 0)),
        [1, 1, width],
      ),
    ) as tf.Tensor3D;
    const [shift, scale] = [normals([1, 1, width]) as tf.Tensor3D, normals([1, 1, width]) as tf.Tensor3D];
    const found = await modulatedNorm(spiked, { shift, scale }).data();
    const [values, shifts, scales] = [Array.from(await spiked.data()), await shift.data(), await scale.data()];
    for (let row = 0; row < 3; row++) {
      const of = values.slice(row * width, (row + 1) * width);
      const mean = of.reduce((sum, v) => sum + v, 0) / width;
      const variance = of.reduce((sum, v) => sum + (v - mean) ** 2, 0) / width;
      of.forEach((v, i) => {
        const expected = ((v - mean) / Math.sqrt(variance + 1e-6)) * (1 + scales[i]!) + shifts[i]!;
        expect(Math.abs(found[row * width + i]! - expected)).toBeLessThan(1e-4);
      });
    }
  });

  test('attention in parts equals attention at once, masked or not', async () => {
    const [q, k, v] = [normals([2, 3, 5, 4]), normals([2, 3, 6, 4]), normals([2, 3, 6, 4])] as tf.Tensor4D[];
    const mask = tf.tensor4d([0, 0, -1e9, 0, 0, 0, 0, -1e9, -1e9, 0, 0, 0], [2, 1, 1, 6]);
    for (const m of [mask, null]) {
      const whole = await attend(q!, k!, v!, m).data();
      // 120 bytes are the scores of one head: room for one, for two, and for less than one.
      for (const bytes of [120, 240, 1]) {
        const parts = await attend(q!, k!, v!, m, bytes).data();
        expect(parts).toHaveLength(whole.length);
        parts.forEach((part, i) => {
          expect(Math.abs(part - whole[i]!)).toBeLessThan(1e-6);
        });
      }
    }
  });
});
