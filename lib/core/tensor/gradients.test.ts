import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { seededRandom } from '../random.ts';
import './gradients.ts';
import { describePerEngine } from './test-engines.ts';

type Operation = (...inputs: tf.Tensor[]) => tf.Tensor;

/** Away from kinks and poles: numbers of magnitude 0.5 to 1.5, positive ones where a function asks for it. */
const cases: [string, Operation, number[][], 'positive'?][] = [
  [
    'add',
    tf.add,
    [
      [2, 3],
      [2, 3],
    ],
  ],
  [
    'add with a broadcast',
    tf.add,
    [
      [2, 1, 3],
      [4, 1],
    ],
  ],
  ['sub with a broadcast', tf.sub, [[3], [2, 3]]],
  [
    'mul',
    tf.mul,
    [
      [2, 3],
      [2, 3],
    ],
  ],
  [
    'mul with a broadcast',
    tf.mul,
    [
      [2, 4, 3],
      [2, 1, 3],
    ],
  ],
  [
    'div with a broadcast',
    tf.div,
    [
      [2, 3],
      [2, 1],
    ],
  ],
  ['squaredDifference', tf.squaredDifference, [[2, 3], [3]]],
  [
    'maximum',
    tf.maximum,
    [
      [2, 3],
      [2, 3],
    ],
  ],
  ['minimum', tf.minimum, [[2, 3], [3]]],
  ['square', tf.square, [[2, 3]]],
  ['abs', tf.abs, [[2, 3]]],
  ['log', tf.log, [[2, 3]], 'positive'],
  ['exp', tf.exp, [[2, 3]]],
  ['sqrt', tf.sqrt, [[2, 3]], 'positive'],
  ['rsqrt', tf.rsqrt, [[2, 3]], 'positive'],
  ['sigmoid', tf.sigmoid, [[2, 3]]],
  ['neg', tf.neg, [[2, 3]]],
  ['clone', (x) => tf.mul(tf.clone(x!), 2), [[2, 3]]],
  ['softmax', (x) => tf.softmax(x!), [[2, 3, 4]]],
  ['reshape', (x) => tf.reshape(x!, [3, 2]), [[2, 3]]],
  ['expandDims', (x) => tf.expandDims(x!, 1), [[2, 3]]],
  ['sum of all', (x) => tf.sum(x!), [[2, 3]]],
  ['sum over the middle', (x) => tf.sum(x!, 1), [[2, 3, 4]]],
  ['sum over two, kept', (x) => tf.sum(x!, [0, -1], true), [[2, 3, 4]]],
  ['mean over the last', (x) => tf.mean(x!, -1, true), [[2, 3, 4]]],
  ['mean of all', (x) => tf.mean(x!), [[2, 3]]],
  ['transpose', (x) => tf.transpose(x!, [2, 0, 1]), [[2, 3, 4]]],
  ['slice', (x) => tf.slice(x!, [0, 1, 2], [2, 1, -1]), [[2, 3, 4]]],
  [
    'concat',
    (a, b) => tf.concat([a!, b!], -1),
    [
      [2, 3],
      [2, 2],
    ],
  ],
  ['split', (x) => tf.sub(...(tf.split(x!, 2, 1) as [tf.Tensor, tf.Tensor])), [[2, 6]]],
  [
    'stack',
    (a, b) => tf.stack([a!, b!], 1),
    [
      [2, 3],
      [2, 3],
    ],
  ],
  [
    'addN',
    (a, b) => tf.addN([a!, b!, b!]),
    [
      [2, 3],
      [2, 3],
    ],
  ],
  [
    'matMul',
    (a, b) => tf.matMul(a!, b!),
    [
      [2, 3],
      [3, 4],
    ],
  ],
  [
    'matMul, left side transposed',
    (a, b) => tf.matMul(a!, b!, true),
    [
      [3, 2],
      [3, 4],
    ],
  ],
  [
    'matMul, right side transposed',
    (a, b) => tf.matMul(a!, b!, false, true),
    [
      [2, 3],
      [4, 3],
    ],
  ],
  [
    'matMul, both transposed',
    (a, b) => tf.matMul(a!, b!, true, true),
    [
      [3, 2],
      [4, 3],
    ],
  ],
  [
    'matMul of batches',
    (a, b) => tf.matMul(a!, b!),
    [
      [2, 2, 5, 3],
      [2, 2, 3, 4],
    ],
  ],
  [
    'matMul of batches, right side transposed',
    (a, b) => tf.matMul(a!, b!, false, true),
    [
      [2, 5, 3],
      [2, 4, 3],
    ],
  ],
  [
    'matMul with a bias',
    (a, b, bias) => tf.fused.matMul({ a: a as tf.Tensor2D, b: b as tf.Tensor2D, bias: bias! }),
    [[5, 3], [3, 4], [4]],
  ],
];

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'the gradient', () => {
  test.each(cases)('of %s is what differences of its values are', async (_, operation, shapes, positive) => {
    const random = seededRandom(3);
    const values = shapes.map((shape) =>
      Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () => {
        const magnitude = 0.5 + random.uniform();
        return positive || random.uniform() < 0.5 ? magnitude : -magnitude;
      }),
    );
    const inputs = () => values.map((flat, i) => tf.tensor(flat, shapes[i]!));
    const before = tf.memory().numTensors;
    const weights = tf.tidy(() => {
      const { shape, size } = operation(...inputs());
      return tf.keep(
        tf.tensor(
          Float32Array.from({ length: size }, () => random.normal()),
          shape,
        ),
      );
    });
    const loss = (...xs: tf.Tensor[]) => tf.sum(tf.mul(operation(...xs), weights)) as tf.Scalar;
    const found = tf.tidy(() => tf.grads(loss)(inputs()));
    const at = () => tf.tidy(() => loss(...inputs()).dataSync()[0]!);
    const step = 2 ** -6;
    for (const [i, flat] of values.entries()) {
      expect(found[i]!.shape).toEqual(shapes[i]);
      const gradient = await found[i]!.data();
      for (let j = 0; j < flat.length; j++) {
        const value = flat[j]!;
        flat[j] = value + step;
        const above = at();
        flat[j] = value - step;
        const below = at();
        flat[j] = value;
        expect(Math.abs(gradient[j]! - (above - below) / (2 * step))).toBeLessThan(4e-3);
      }
    }
    tf.dispose([found, weights]);
    expect(tf.memory().numTensors).toBe(before);
  });

  test('of an operation that is missing here fails by its name', () => {
    expect(() => tf.grad((x) => tf.sum(tf.erf(x)))(tf.ones([2]))).toThrow(/gradient function not found for Erf/);
  });
});
