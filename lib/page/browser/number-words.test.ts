import { describe, expect, it } from 'vitest';
import {
  bytesWords,
  changeWords,
  countWords,
  durationWords,
  flopsWords,
  percentWords,
  remainingWords,
  scoreWords,
} from './number-words.ts';

describe('quantities in words', () => {
  it('writes counts, bytes and operations with three figures and a prefix', () => {
    expect(countWords(5_412_345)).toBe('5.41 M');
    expect(countWords(20_430_401_088)).toBe('20.4 B');
    expect(countWords(999)).toBe('999');
    expect(bytesWords(10_824_690)).toBe('10.8 MB');
    expect(flopsWords(70.58e12)).toBe('70.6 TFLOP');
  });

  it('keeps milliseconds below a second and minutes above a hundred seconds', () => {
    expect(durationWords(12.345)).toBe('12.3 ms');
    expect(durationWords(2_340)).toBe('2.3 s');
    expect(durationWords(125_000)).toBe('2 min 5 s');
  });

  it('says the direction of a change with a true minus and does not pretend to one', () => {
    expect(changeWords(16, 12)).toBe('−25 %');
    expect(changeWords(100, 97.5)).toBe('−2.5 %');
    expect(changeWords(100, 100.001)).toBe('±0 %');
    expect(changeWords(0, 3)).toBe('n/a');
  });

  it('says n/a where there is nothing to say', () => {
    expect(percentWords(null)).toBe('n/a');
    expect(scoreWords(null)).toBe('n/a');
    expect(scoreWords(-0.01234)).toBe('−0.0123');
  });

  it('say what is left in the unit that fits', () => {
    expect([200, 42_000, 600_000, 4 * 3_600_000, 90 * 3_600_000].map(remainingWords)).toEqual([
      '1 s',
      '42 s',
      '10 min',
      '4.0 h',
      '3.8 days',
    ]);
  });
});
