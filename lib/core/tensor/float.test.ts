import { expect, test } from 'vitest';
import { seededRandom } from '../random.ts';
import { fromFloat32, toFloat32 } from './float.ts';

const where = { file: 'model.safetensors', tensor: 'w' };
const halves = (...codes: number[]) => new Uint8Array(new Uint16Array(codes).buffer);

test('bfloat16 decodes exactly', () => {
  expect([...toFloat32(halves(0x3f80, 0xc000, 0x0000, 0x7f80, 0x3ebd), 'BF16', where)]).toEqual([
    1,
    -2,
    0,
    Number.POSITIVE_INFINITY,
    0.369140625,
  ]);
});

test('float16 decodes exactly, subnormals and infinities included', () => {
  const values = toFloat32(halves(0x3c00, 0xc000, 0x7bff, 0x0001, 0x03ff, 0xfc00, 0x7e00), 'F16', where);
  expect([...values]).toEqual([1, -2, 65504, 2 ** -24, 1023 * 2 ** -24, Number.NEGATIVE_INFINITY, Number.NaN]);
});

test('F8_E4M3 has no infinity, 448 as its largest and 2⁻⁹ as its smallest value', () => {
  const values = toFloat32(new Uint8Array([0x38, 0x7e, 0x7f, 0xff, 0x01, 0xb8]), 'F8_E4M3', where);
  expect([...values]).toEqual([1, 448, Number.NaN, Number.NaN, 2 ** -9, -1]);
});

test('F32 and F64 decode from bytes that do not start on a multiple of their width', () => {
  const padded = (bytes: Uint8Array) => new Uint8Array([0, ...bytes]).subarray(1);
  expect([...toFloat32(padded(new Uint8Array(new Float32Array([1.5, -2]).buffer)), 'F32', where)]).toEqual([1.5, -2]);
  expect([...toFloat32(padded(new Uint8Array(new Float64Array([1.5, -2]).buffer)), 'F64', where)]).toEqual([1.5, -2]);
});

test('integers are refused with the tensor named', () => {
  expect(() => toFloat32(new Uint8Array(8), 'I64', where)).toThrow(/model\.safetensors › w.*I64/);
});

test('every float16 and bfloat16 number survives a round trip', () => {
  for (const dtype of ['F16', 'BF16'] as const) {
    const codes = new Uint16Array(65536).map((_, i) => i);
    const bytes = new Uint8Array(codes.buffer);
    const values = toFloat32(bytes, dtype, where);
    const back = new Uint16Array(fromFloat32(values, dtype).buffer);
    const wrong = codes.filter((code, i) => !Number.isNaN(values[i]!) && back[i] !== code);
    expect([...wrong]).toEqual([]);
    expect(toFloat32(fromFloat32(Float32Array.of(Number.NaN), dtype), dtype, where)[0]).toBeNaN();
  }
});

test('rounding goes to the nearest representable number and ties go to even', () => {
  const random = seededRandom(3);
  for (const [dtype, relative] of [
    ['F16', 2 ** -11],
    ['BF16', 2 ** -8],
  ] as const) {
    const values = Float32Array.from({ length: 1000 }, () => random.normal());
    const back = toFloat32(fromFloat32(values, dtype), dtype, where);
    values.forEach((v, i) => {
      expect(Math.abs(back[i]! - v)).toBeLessThanOrEqual(Math.max(Math.abs(v) * relative, 2 ** -25));
    });
  }
  // 1 + 2⁻¹¹ lies halfway between 1 and 1 + 2⁻¹⁰ in F16.
  expect(toFloat32(fromFloat32(Float32Array.of(1 + 2 ** -11, 1 + 3 * 2 ** -11, 65520), 'F16'), 'F16', where)).toEqual(
    Float32Array.of(1, 1 + 2 ** -9, Number.POSITIVE_INFINITY),
  );
});
