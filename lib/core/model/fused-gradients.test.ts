import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { seededRandom } from '../random.ts';
import '../tensor/gradients.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { affine, gelu, normThenModulate, normThenRotate, softmaxAttention } from './fused-gradients.ts';
import { pairSwap } from './rotary.ts';

type Layer = (...inputs: tf.Tensor[]) => tf.Tensor;
/** TensorFlow.js' types of fixed rank, which a table of cases does not know. */
const [as1, as2, as3, as4] = [
  (x?: tf.Tensor) => x as tf.Tensor1D,
  (x?: tf.Tensor) => x as tf.Tensor2D,
  (x?: tf.Tensor) => x as tf.Tensor3D,
  (x?: tf.Tensor) => x as tf.Tensor4D,
];

const HEAD = 8;
const rotation = () => {
  const angles = Float32Array.from({ length: 5 * HEAD }, (_, i) => 0.3 * i);
  const table = (of: (angle: number) => number) => tf.tensor4d(angles.map(of), [1, 5, 1, HEAD]);
  return { cos: table(Math.cos), sin: table(Math.sin), turn: tf.tensor2d(pairSwap(HEAD), [HEAD, HEAD]) };
};
const maskOf = () => tf.tensor4d([0, 0, -1e9, 0, 0, -1e9, -1e9, 0, 0, 0], [2, 1, 1, 5]);
const meanSquare = (x: tf.Tensor) => tf.add(tf.mean(tf.square(x), -1, true), 1e-6);

/** Name, the layer, the same by its definition in plain operations, shapes of the inputs. */
const cases: [string, Layer, Layer, number[][]][] = [
  [
    'an affine map of rows',
    (x, w, b) => affine(as2(x), as2(w), as1(b)),
    (x, w, b) => tf.add(tf.matMul(x!, w!), b!),
    [[5, 3], [3, 4], [4]],
  ],
  [
    'an affine map of a batch',
    (x, w, b) => affine(as3(x), as2(w), as1(b)),
    (x, w, b) => tf.reshape(tf.add(tf.matMul(tf.reshape(x!, [10, 3]), w!), b!), [2, 5, 4]),
    [[2, 5, 3], [3, 4], [4]],
  ],
  [
    'a linear map without a bias',
    (x, w) => affine(as3(x), as2(w), null),
    (x, w) => tf.reshape(tf.matMul(tf.reshape(x!, [10, 3]), w!), [2, 5, 4]),
    [
      [2, 5, 3],
      [3, 4],
    ],
  ],
  [
    'an affine map by a matrix as it is stored',
    (x, w, b) => affine(as3(x), as2(w), as1(b), true),
    (x, w, b) => tf.reshape(tf.add(tf.matMul(tf.reshape(x!, [10, 3]), tf.transpose(w!)), b!), [2, 5, 4]),
    [[2, 5, 3], [4, 3], [4]],
  ],
  [
    'a linear map without a bias, by a matrix as it is stored',
    (x, w) => affine(as3(x), as2(w), null, true),
    (x, w) => tf.reshape(tf.matMul(tf.reshape(x!, [10, 3]), tf.transpose(w!)), [2, 5, 4]),
    [
      [2, 5, 3],
      [4, 3],
    ],
  ],
  [
    'the modulated norm',
    (x, shift, scale) => normThenModulate(as3(x), as3(shift), as3(scale)),
    (x, shift, scale) => {
      const centred = tf.sub(x!, tf.mean(x!, -1, true));
      return tf.add(tf.mul(tf.div(centred, tf.sqrt(meanSquare(centred))), tf.add(scale!, 1)), shift!);
    },
    [
      [2, 5, 6],
      [2, 1, 6],
      [2, 1, 6],
    ],
  ],
  [
    'gelu',
    (x) => gelu(x!),
    (x) => {
      const u = tf.mul(tf.add(x!, tf.mul(tf.mul(x!, tf.square(x!)), 0.044715)), Math.sqrt(2 / Math.PI));
      // ½(1 + tanh u), of exponentials, since tanh has no gradient here.
      const tanh = tf.sub(1, tf.div(2, tf.add(tf.exp(tf.mul(u, 2)), 1)));
      return tf.mul(tf.mul(x!, 0.5), tf.add(tanh, 1));
    },
    [[4, 7]],
  ],
  ...[5, 1].map((gains): (typeof cases)[number] => [
    gains === 1 ? 'the rotated norm with one gain' : 'the rotated norm with a gain per token',
    (x, gain) => normThenRotate(as4(x), as4(gain), rotation(), 0.35),
    (x, gain) => {
      const { cos, sin, turn } = rotation();
      const weighted = tf.mul(tf.mul(tf.div(x!, tf.sqrt(meanSquare(x!))), gain!), 0.35);
      const turned = tf.reshape(tf.matMul(tf.reshape(weighted, [-1, HEAD]), turn), x!.shape);
      return tf.add(tf.mul(weighted, cos), tf.mul(turned, sin));
    },
    [
      [2, 5, 3, HEAD],
      [1, gains, 1, HEAD],
    ],
  ]),
  [
    'attention',
    (q, k, v) => softmaxAttention(as4(q), as4(k), as4(v), null),
    (q, k, v) => tf.matMul(tf.softmax(tf.matMul(q!, k!, false, true)), v!),
    [
      [2, 3, 4, 6],
      [2, 3, 5, 6],
      [2, 3, 5, 6],
    ],
  ],
  [
    'masked attention',
    (q, k, v) => softmaxAttention(as4(q), as4(k), as4(v), maskOf()),
    (q, k, v) => tf.matMul(tf.softmax(tf.add(tf.matMul(q!, k!, false, true), maskOf())), v!),
    [
      [2, 3, 4, 6],
      [2, 3, 5, 6],
      [2, 3, 5, 6],
    ],
  ],
];

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'a layer with a gradient of its own', () => {
  test.each(cases)('%s: value and gradients are those of the definition', async (_, layer, definition, shapes) => {
    const random = seededRandom(5);
    const normals = (shape: number[]) =>
      tf.tensor(
        Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () => random.normal()),
        shape,
      );
    const before = tf.memory().numTensors;
    const inputs = shapes.map(normals);
    const shapeOfValue = tf.tidy(() => layer(...inputs).shape);
    const weights = normals(shapeOfValue);
    const of = (f: Layer) =>
      tf.tidy(() => {
        const loss = (...xs: tf.Tensor[]) => tf.sum(tf.mul(f(...xs), weights)) as tf.Scalar;
        return [f(...inputs), ...tf.grads(loss)(inputs)];
      });
    const [found, expected] = [of(layer), of(definition)];
    expect(found).toHaveLength(1 + inputs.length);
    for (const [i, tensor] of found.entries()) {
      expect(tensor.shape).toEqual(expected[i]!.shape);
      const [a, b] = [await tensor.data(), await expected[i]!.data()];
      const largest = Math.max(...b.map(Math.abs));
      expect(largest).toBeGreaterThan(0.01);
      a.forEach((value, k) => {
        expect(Math.abs(value - b[k]!)).toBeLessThan(1e-5 * Math.max(1, largest));
      });
    }
    tf.dispose([...inputs, weights, ...found, ...expected]);
    expect(tf.memory().numTensors).toBe(before);
  });
});
