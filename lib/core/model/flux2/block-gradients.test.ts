import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { type BlockGolden, expectGoldenGradients } from '../../distil/goldens/block-gradients.ts';
import { seededRandom } from '../../random.ts';
import '../../tensor/gradients.ts';
import { describePerEngine } from '../../tensor/test-engines.ts';
import { goldenCase } from '../golden-fill.ts';
import { FLUX2_GOLDENS } from './goldens.ts';
import { swiglu } from './swiglu.ts';

const golden: { readonly blocks: readonly BlockGolden[] } = JSON.parse(
  readFileSync(new URL('./goldens/block-gradients.json', import.meta.url), 'utf8'),
);

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'gradients of FLUX.2 blocks', () => {
  test.each(golden.blocks.map((one) => [one.block, one.streams.join(' and '), one] as const))(
    'of block %i by every weight and by its input agree with autograd (%s)',
    (_, __, block) => expectGoldenGradients(goldenCase(FLUX2_GOLDENS.find(({ name }) => name === 'FL2-1')!), block),
  );

  test('of the activation are those of its definition', async () => {
    const random = seededRandom(5);
    const normals = (size: number, shape: [number, number, number]) =>
      tf.tensor3d(
        Float32Array.from({ length: size }, () => random.normal()),
        shape,
      );
    const [x, weights] = [normals(60, [2, 5, 6]), normals(30, [2, 5, 3])];
    const plain = (whole: tf.Tensor3D) => {
      const [gate, value] = tf.split(whole, 2, -1) as [tf.Tensor3D, tf.Tensor3D];
      return tf.mul(tf.div(gate, tf.add(tf.exp(tf.neg(gate)), 1)), value);
    };
    const of = (f: (whole: tf.Tensor3D) => tf.Tensor) =>
      tf.tidy(() => [f(x), tf.grad((whole) => tf.sum(tf.mul(f(whole as tf.Tensor3D), weights)))(x)]);
    const [found, expected] = [of(swiglu), of(plain)];
    for (const [i, tensor] of found.entries()) {
      const values = await tensor.data();
      (await expected[i]!.data()).forEach((value, k) => {
        expect(values[k]).toBeCloseTo(value, 5);
      });
    }
    tf.dispose([x, weights, ...found, ...expected]);
  });
});
