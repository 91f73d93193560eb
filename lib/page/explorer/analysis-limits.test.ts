import { describe, expect, it } from 'vitest';
import { ContiguaError } from '@/lib/core/errors.ts';
import { assertStorageFits, DEFAULT_LIMITS, limitsFrom, limitsRequest, limitsText } from './analysis-limits.ts';

const limits = { tokens: 512, damageSamples: 4, damageIntervals: 0, memory: 1.5 };

describe('limits of an analysis', () => {
  it('travel in an address, without those that are left to the default', () => {
    expect(limitsText(limits)).toBe('t512-s4-i0-m1.5');
    expect(limitsFrom('t512-s4-i0-m1.5')).toEqual(limits);
    expect(limitsText(DEFAULT_LIMITS)).toBe('');
    expect(limitsFrom('')).toEqual(DEFAULT_LIMITS);
  });

  it('fall back to the default where an address has something else', () => {
    expect(limitsFrom('t63-sx-i-1-m1e3')).toEqual(DEFAULT_LIMITS);
    expect(limitsFrom('t100000000-q5-i3')).toEqual({ ...DEFAULT_LIMITS, damageIntervals: 3 });
  });

  it('leave out of the request what nobody asked for', () => {
    expect(limitsRequest(DEFAULT_LIMITS)).toEqual({ damage: { samples: undefined, intervals: undefined } });
    expect(limitsRequest(limits)).toEqual({ tokens: 512, damage: { samples: 4, intervals: 0 } });
  });
});

describe('too little storage', () => {
  // A token of every state: 4 bytes × 100 features × 10 states.
  const model = { numBlocks: 9, width: 100 };
  const estimate = { storedBytes: 6_000_000, tokens: { image: 1000, text: 200 } };
  const refusal = (roomBytes: number) => {
    try {
      assertStorageFits(estimate, roomBytes, model);
    } catch (thrown) {
      if (thrown instanceof ContiguaError) return { code: thrown.code, ...thrown.details };
      throw thrown;
    }
    return null;
  };

  it('is refused with what is needed and the most tokens that fit', () => {
    expect(refusal(6_000_000)).toBeNull();
    expect(refusal(5_600_000)).toMatchObject({
      code: 'too-large',
      found: 'room for 5.60 MB',
      expected: 'at least 6.00 MB',
      hint: expect.stringContaining('900 tokens per stream fit'),
    });
    // Below the tokens of the text, both streams give.
    expect(refusal(1_800_000)).toMatchObject({ hint: expect.stringContaining('75 tokens per stream fit') });
  });

  it('names the tokens of a trace by what is stored of each row, where they are fewer than features', () => {
    const refused = (width: number) => () =>
      assertStorageFits({ ...estimate, fixedBytes: 1_200_000 }, 5_000_000, { ...model, width, trace: {} });
    expect(refused(1000)).toThrow('The probes and surrogates of this analysis do not fit');
    // 3.8 of 4.8 MB: 950 of 1,200 rows, of which 200 are text.
    expect(refused(1000)).toThrow(
      expect.objectContaining({
        details: expect.objectContaining({ hint: expect.stringContaining('750 tokens per stream fit') }),
      }),
    );
    expect(refused(999)).toThrow(
      expect.objectContaining({
        details: expect.objectContaining({ hint: expect.stringContaining('Analyse fewer tokens') }),
      }),
    );
  });

  it('asks for fewer samples where no number of tokens would fit', () => {
    expect(refusal(1_300_000)).toMatchObject({ hint: expect.stringContaining('fewer samples') });
  });
});
