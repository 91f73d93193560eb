import { describe, expect, it } from 'vitest';
import { isInRange, rangeWords } from './number-range.ts';

describe('a range of numbers', () => {
  it('contains its ends unless it leaves them out', () => {
    expect([0, 1].map((value) => isInRange(value, { min: 0, max: 1 }))).toEqual([true, true]);
    expect([0, 1].map((value) => isInRange(value, { min: 0, max: 1, aboveMin: true }))).toEqual([false, true]);
    expect([0, 1].map((value) => isInRange(value, { min: 0, max: 1, belowMax: true }))).toEqual([true, false]);
  });

  it('contains no number that is not finite, and only whole ones where it says so', () => {
    const range = { min: 1, max: Number.POSITIVE_INFINITY };
    expect([Number.NaN, Number.POSITIVE_INFINITY, 1.5].map((value) => isInRange(value, range))).toEqual([
      false,
      false,
      true,
    ]);
    expect(isInRange(1.5, { ...range, whole: true })).toBe(false);
  });

  it('is said in words that leave out no end', () => {
    expect(rangeWords({ min: 2, max: 16_384 })).toBe('2 to 16,384');
    expect(rangeWords({ min: 0, max: 1, aboveMin: true })).toBe('more than 0, at most 1');
    expect(rangeWords({ min: 0, max: 1, belowMax: true })).toBe('0 or more, less than 1');
    expect(rangeWords({ min: 1, max: Number.POSITIVE_INFINITY })).toBe('1 or more');
  });
});
