import { describe, expect, it } from 'vitest';
import { directedRows, directionError } from './direction.ts';

const rows = (...indices: number[]) => Uint32Array.from(indices);
const errorOf = (a: Float32Array, b: Float32Array, width: number, of: Uint32Array) =>
  directionError(directedRows(a, width, of), directedRows(b, width, of), width);

describe('the direction error', () => {
  it('is the mean over tokens of the squared distance of unit vectors', () => {
    const a = Float32Array.of(3, 4, 1, 0);
    const b = Float32Array.of(4, 3, 0, 5);
    const first = (0.6 - 0.8) ** 2 + (0.8 - 0.6) ** 2;
    expect(errorOf(a, b, 2, rows(0))).toBeCloseTo(first, 12);
    expect(errorOf(a, b, 2, rows(0, 1))).toBeCloseTo((first + 2) / 2, 12);
  });

  it('sees direction only, from 0 for the same to 4 for the opposite', () => {
    const a = Float32Array.of(1, 2, 3);
    const same = errorOf(
      a,
      a.map((value) => 7 * value),
      3,
      rows(0),
    );
    expect(same).toBeGreaterThanOrEqual(0);
    expect(same).toBeCloseTo(0, 12);
    expect(
      errorOf(
        a,
        a.map((value) => -value),
        3,
        rows(0),
      ),
    ).toBeCloseTo(4, 12);
  });

  it('counts a zero vector as 1 against any direction and 0 against another zero', () => {
    const zero = new Float32Array(2);
    expect(errorOf(zero, Float32Array.of(0, 9), 2, rows(0))).toBe(1);
    expect(errorOf(zero, zero, 2, rows(0))).toBe(0);
    expect(errorOf(zero, zero, 2, rows())).toBe(0);
  });
});
