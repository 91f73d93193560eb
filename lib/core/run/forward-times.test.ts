import { describe, expect, it } from 'vitest';
import { isWithinNoise, spreadOf } from './forward-times.ts';

describe('forward times', () => {
  it('are summed up by their median and quartiles', () => {
    expect(spreadOf([5, 1, 3, 2, 4])).toEqual({ median: 3, quartiles: { lower: 2, upper: 4 } });
    expect(spreadOf([4, 1, 2, 3])).toEqual({ median: 2.5, quartiles: { lower: 1.75, upper: 3.25 } });
    expect(spreadOf([7])).toEqual({ median: 7, quartiles: { lower: 7, upper: 7 } });
  });

  it('do not let a few slow runs of a busy machine pass for a difference', () => {
    const whole = spreadOf([30, 31, 30, 36, 44, 31, 30]);
    const pruned = spreadOf([29, 28, 37, 43, 29, 40, 28]);
    expect(isWithinNoise(whole.quartiles, pruned.quartiles)).toBe(true);
  });

  it('differ where half of the runs of one lie beyond half of the other’s', () => {
    expect(isWithinNoise({ lower: 30, upper: 31 }, { lower: 24, upper: 25 })).toBe(false);
    expect(isWithinNoise({ lower: 24, upper: 25 }, { lower: 30, upper: 31 })).toBe(false);
    expect(isWithinNoise({ lower: 24, upper: 30 }, { lower: 30, upper: 31 })).toBe(true);
  });
});
