import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { seededRandom } from '../random.ts';
import { registerFastWasmKernels } from './fast-wasm-kernels.ts';
import { startTestEngine } from './test-engines.ts';

beforeAll(() => startTestEngine('wasm'));

const random = seededRandom(11);
const normals = (shape: number[]) =>
  tf.tensor(
    Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () => random.normal()),
    shape,
  );

/** The definition, in float64. Batches are equal, or one side has a single matrix. */
async function product(a: tf.Tensor, b: tf.Tensor, transposeA: boolean, transposeB: boolean): Promise<number[]> {
  const [x, y] = [await a.data(), await b.data()];
  const [aRows = 1, aColumns = 1] = a.shape.slice(-2);
  const [bRows = 1, bColumns = 1] = b.shape.slice(-2);
  const [rows, inner] = transposeA ? [aColumns, aRows] : [aRows, aColumns];
  const columns = transposeB ? bRows : bColumns;
  const [batchA, batchB] = [a.size / (aRows * aColumns), b.size / (bRows * bColumns)];
  const out: number[] = [];
  for (let s = 0; s < Math.max(batchA, batchB); s++) {
    const [fromA, fromB] = [(s % batchA) * aRows * aColumns, (s % batchB) * bRows * bColumns];
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        let sum = 0;
        for (let k = 0; k < inner; k++) {
          const left = x[fromA + (transposeA ? k * aColumns + i : i * aColumns + k)]!;
          sum += left * y[fromB + (transposeB ? j * bColumns + k : k * bColumns + j)]!;
        }
        out.push(sum);
      }
    }
  }
  return out;
}

describe('the replaced matrix product', () => {
  const cases: [string, number[], number[], boolean, boolean][] = [
    ['two matrices', [5, 7], [7, 3], false, false],
    ['a transposed left side', [7, 5], [7, 3], true, false],
    ['a transposed right side', [5, 7], [3, 7], false, true],
    ['two transposed sides', [7, 5], [3, 7], true, true],
    ['a batch', [4, 5, 7], [4, 7, 3], false, false],
    ['a batch over two dimensions, as in attention', [2, 3, 17, 8], [2, 3, 8, 17], false, false],
    ['a batch with a transposed right side', [2, 3, 17, 8], [2, 3, 17, 8], false, true],
    ['a batch with a transposed left side', [6, 8, 5], [6, 8, 9], true, false],
    ['a batch times one matrix', [4, 5, 7], [1, 7, 3], false, false],
    ['one matrix times a batch', [1, 5, 7], [4, 7, 3], false, false],
    ['a single row and column', [3, 1, 9], [3, 9, 1], false, false],
    ['sizes beyond one tile', [2, 130, 70], [2, 70, 90], false, false],
  ];
  test.each(cases)('gives the product of %s', async (_, shapeA, shapeB, transposeA, transposeB) => {
    const [a, b] = [normals(shapeA), normals(shapeB)];
    const before = tf.memory().numTensors;
    const buffers = tf.engine().backend.numDataIds();
    // Twice, so that a packed copy of other matrices would show.
    for (let run = 0; run < 2; run++) {
      const c = tf.matMul(a, b, transposeA, transposeB);
      const expected = await product(a, b, transposeA, transposeB);
      const found = await c.data();
      expect(found).toHaveLength(expected.length);
      expected.forEach((value, i) => {
        expect(Math.abs(found[i]! - value)).toBeLessThan(1e-4);
      });
      c.dispose();
    }
    expect(tf.memory().numTensors).toBe(before);
    expect(tf.engine().backend.numDataIds()).toBe(buffers);
    tf.dispose([a, b]);
  });

  test('of no inner dimension is zero', async () => {
    const c = tf.matMul(tf.zeros([2, 3, 0]), tf.zeros([2, 0, 4]));
    expect(c.shape).toEqual([2, 3, 4]);
    expect([...(await c.data())]).toEqual(new Array(24).fill(0));
  });

  test('sees new values under a tensor of the same shape', async () => {
    const a = normals([2, 4, 4]);
    for (let run = 0; run < 3; run++) {
      const b = normals([2, 4, 4]);
      const found = await tf.matMul(a, b).data();
      const expected = await product(a, b, false, false);
      expected.forEach((value, i) => {
        expect(Math.abs(found[i]! - value)).toBeLessThan(1e-4);
      });
      b.dispose();
    }
    a.dispose();
  });

  test('may be asked for twice', () => {
    expect(() => registerFastWasmKernels()).not.toThrow();
  });
});
