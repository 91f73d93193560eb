import { describe, expect, it } from 'vitest';
import { typedNumber } from './typed-number.ts';

const samples = { min: 8, max: 1024, whole: true };

describe('a number that is typed', () => {
  it('is taken at its bounds and between them', () => {
    for (const text of ['8', ' 64 ', '1024', '1e3']) {
      expect(typedNumber(text, samples)).toEqual({ value: Number(text), problem: null });
    }
  });

  it('is not taken beyond a bound, nor changed to it: the bounds are said', () => {
    for (const text of ['0', '-5', '1000000000']) {
      expect(typedNumber(text, samples)).toEqual({ value: null, problem: '8 to 1,024' });
    }
  });

  it('is asked for as a whole number where it is none', () => {
    for (const text of ['', '  ', 'many', '8.5']) {
      expect(typedNumber(text, samples).problem).toBe('a whole number, 8 to 1,024');
    }
  });

  it('may have decimals where they mean something, and may have to be more than its lower bound', () => {
    const rate = { min: 0, max: 1, aboveMin: true };
    expect(typedNumber('1e-3', rate).value).toBe(0.001);
    expect(typedNumber('0', rate).problem).toBe('more than 0, at most 1');
    expect(typedNumber('fast', rate).problem).toBe('a number, more than 0, at most 1');
    expect(typedNumber('1', { min: 0, max: 1, belowMax: true }).problem).toBe('0 or more, less than 1');
  });
});
