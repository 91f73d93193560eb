import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it, test } from 'vitest';
import { seededRandom } from '../random.ts';
import type { BinaryFloat, StoredFloats } from './float.ts';
import { describePerEngine } from './test-engines.ts';
import { areFinitePairs } from './webgpu-decode.ts';
import { areFinite, storedWeightsError, takesStoredMatrices, valuesTensor, weightTensor } from './weight-tensors.ts';

const WIDTH = { F32: 4, F16: 2, BF16: 2 } as const;
/** What no format's decoder is needed for: sign, exponent and fraction of an element by the definition of IEEE 754. */
function decodedByHand(code: number, dtype: 'F16' | 'BF16'): number {
  const [fractionBits, bias, largest] = dtype === 'F16' ? [10, 15, 31] : [7, 127, 255];
  const sign = code & 0x8000 ? -1 : 1;
  const exponent = (code & 0x7fff) >> fractionBits;
  const fraction = (code & ((1 << fractionBits) - 1)) / 2 ** fractionBits;
  if (exponent === largest) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent ? 1 + fraction : fraction) * 2 ** ((exponent || 1) - bias);
}

/** `codes` as stored, `offset` bytes into their buffer. */
function stored(dtype: BinaryFloat, codes: readonly number[], offset = 0): StoredFloats {
  const view = new DataView(new ArrayBuffer(offset + codes.length * WIDTH[dtype]));
  codes.forEach((code, i) => {
    if (dtype === 'F32') view.setUint32(offset + 4 * i, code, true);
    else view.setUint16(offset + 2 * i, code, true);
  });
  return { dtype, bytes: new Uint8Array(view.buffer, offset) };
}

const bitsOf = (values: Float32Array) => [...new Uint32Array(Float32Array.from(values).buffer)];
const ALL = [...Array(65536).keys()];
const one = { F32: 0x3f800000, F16: 0x3c00, BF16: 0x3f80 } as const;
const bad = {
  F32: [0x7fc00000, 0x7f800001, 0x7f800000, 0xff800000],
  F16: [0x7e00, 0xfc01, 0x7c00, 0xfc00],
  BF16: [0x7fc0, 0xff81, 0x7f80, 0xff80],
} as const;

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'stored weights', () => {
  it('pass the check that every engine is given when it starts', async () => {
    expect(await storedWeightsError()).toBe(0);
  });

  describe.each(['F16', 'BF16'] as const)('in %s', (dtype) => {
    it('become the same number for every code that is one, to the bit', () => {
      const codes = ALL.filter((code) => Number.isFinite(decodedByHand(code, dtype)));
      const { tensor, finite } = weightTensor(stored(dtype, codes), [codes.length], { checks: false });
      expect(finite).toBe(true);
      expect(bitsOf(tensor.dataSync() as Float32Array)).toEqual(
        bitsOf(Float32Array.from(codes, (code) => decodedByHand(code, dtype))),
      );
      tensor.dispose();
    });

    it('stay infinite or not numbers where they are', () => {
      const codes = ALL.filter((code) => !Number.isFinite(decodedByHand(code, dtype)));
      const { tensor } = weightTensor(stored(dtype, codes), [codes.length], { checks: false });
      expect([...tensor.dataSync()]).toEqual(codes.map((code) => decodedByHand(code, dtype)));
      tensor.dispose();
    });

    it('are transposed, whatever the rows and columns', () => {
      const random = seededRandom(7);
      for (const [rows, columns] of [
        [1, 1],
        [1, 5],
        [5, 1],
        [3, 7],
        [16, 16],
        [17, 33],
        [50, 19],
      ] as const) {
        const codes = Array.from({ length: rows * columns }, () => random.integer(0x3c00));
        const { tensor, finite } = weightTensor(stored(dtype, codes), [rows, columns], { checks: true });
        expect([tensor.shape, finite]).toEqual([[columns, rows], true]);
        const turned = Array.from(
          { length: rows * columns },
          (_, i) => codes[(i % rows) * columns + Math.floor(i / rows)]!,
        );
        expect([...tensor.dataSync()]).toEqual(turned.map((code) => decodedByHand(code, dtype)));
        tensor.dispose();
      }
    });
  });

  it.each(['F32', 'F16', 'BF16'] as const)('in %s are read from any offset, and leave no tensor behind', (dtype) => {
    const before = tf.memory();
    for (const offset of [0, 1, 2, 3]) {
      const { tensor, finite } = weightTensor(stored(dtype, [one[dtype], 0, one[dtype]], offset), [3, 1], {
        checks: true,
      });
      expect([finite, tensor.shape, [...tensor.dataSync()]]).toEqual([true, [1, 3], [1, 0, 1]]);
      tensor.dispose();
    }
    const after = tf.memory();
    expect([after.numTensors, after.numBytes, after.numDataBuffers]).toEqual([
      before.numTensors,
      before.numBytes,
      before.numDataBuffers,
    ]);
  });

  it.each(['F32', 'F16', 'BF16'] as const)('in %s that are not finite are noticed at every place', (dtype) => {
    for (const shape of [[35], [5, 7], [35, 1]]) {
      for (const place of [0, 17, 34]) {
        for (const code of bad[dtype]) {
          const codes = Array.from({ length: 35 }, (_, i) => (i === place ? code : one[dtype]));
          const checked = weightTensor(stored(dtype, codes), shape, { checks: true });
          expect(checked.finite).toBe(false);
          checked.tensor.dispose();
        }
      }
    }
  });

  it('stay as they are where that is asked for', () => {
    const codes = Array.from({ length: 35 }, (_, i) => one.BF16 + i);
    const asStored = takesStoredMatrices();
    const { tensor, finite } = weightTensor(stored('BF16', codes), [5, 7], { checks: true, asStored });
    expect([tensor.shape, finite]).toEqual([asStored ? [5, 7] : [7, 5], true]);
    const turned = asStored ? tf.transpose(tensor) : tensor;
    const values = valuesTensor(
      Float32Array.from(codes, (code) => decodedByHand(code, 'BF16')),
      [5, 7],
    );
    expect([...turned.dataSync()]).toEqual([...values.dataSync()]);
    tf.dispose([tensor, turned, values]);
  });

  it('of other formats are transposed from their values', () => {
    const values = Float32Array.from({ length: 17 * 40 + 3 }, (_, i) => i - 0.5).subarray(3);
    const tensor = valuesTensor(values, [17, 40]);
    expect(tensor.shape).toEqual([40, 17]);
    expect([...tensor.dataSync()]).toEqual([...values].map((_, i) => values[(i % 17) * 40 + Math.floor(i / 17)]));
    tensor.dispose();
  });
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('%s among values is found', (value) => {
  expect(areFinite(Float32Array.of(1, -3e38, 0))).toBe(true);
  expect(areFinite(Float32Array.of(0, 1, value).subarray(1))).toBe(false);
});

describe('pairs of bfloat16 numbers', () => {
  const pair = (first: number, second: number) => stored('BF16', [first, second]);

  it('are finite where neither has an exponent of ones', () => {
    const finite = ALL.filter((code) => Number.isFinite(decodedByHand(code, 'BF16')));
    expect(areFinitePairs(stored('BF16', finite))).toBe(true);
    expect(areFinitePairs(stored('BF16', finite, 2))).toBe(true);
  });

  it.each(bad.BF16)('are not with %i in either place', (code) => {
    expect(areFinitePairs(pair(one.BF16, code))).toBe(false);
    expect(areFinitePairs(pair(code, one.BF16))).toBe(false);
  });
});
