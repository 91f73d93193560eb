import { describe, expect, it } from 'vitest';
import { breakWords } from './break-words.ts';

const STACKS = [
  { first: 0, last: 2 },
  { first: 3, last: 3 },
];

describe('where a run ends, in words', () => {
  it('says that the difference falls where there are two or more to compare', () => {
    expect(breakWords([null, 0.4, 0.3, 0.2, 0.5], 0)).toBe(
      'From block 0 the difference falls to Δ(0, 3) = 0.2000, then rises to Δ(0, 4) = 0.5000: blocks 0 to 3 are one run.',
    );
  });

  it('does not let the first difference fall: of a run of two blocks it says that the second is larger', () => {
    expect(breakWords([null, 0.1, 0.3, 0.2], 0)).toBe(
      'From block 0, Δ(0, 2) = 0.3000 is already above Δ(0, 1) = 0.1000: blocks 0 and 1 are one run.',
    );
  });

  it('names the differences that are there where blocks without one lie between', () => {
    expect(breakWords([null, null, 0.1, null, 0.3], 0)).toBe(
      'From block 0, Δ(0, 4) = 0.3000 is already above Δ(0, 2) = 0.1000: blocks 0 to 3 are one run.',
    );
  });

  it('says so where nothing rises up to the last block', () => {
    expect(breakWords([null, null, 0.3, 0.2], 1)).toBe(
      'From block 1 the difference never rises: blocks 1 to 3 are one run, up to the last block.',
    );
    expect(breakWords([null, null, null, 0.2], 2)).toBe(
      'From block 2 there is no second difference to rise: blocks 2 and 3 are one run, up to the last block.',
    );
  });

  it('says how often resampled prompts break there, where that is known', () => {
    const words = breakWords([null, 0.1, 0.3], 0, [], { share: 0.624, resamples: 200 });
    expect(words).toMatch(/are one run\. 62 % of 200 resamples break there\.$/);
    expect(breakWords([null, 0.1, 0.3], 0, [], { share: null, resamples: 200 })).not.toContain('resamples');
  });

  it('writes both differences so that they differ, and says where the rise is one of rounding', () => {
    const words = breakWords([null, 0.000138, 0.00014], 0);
    expect(words).toContain('Δ(0, 2) = 0.000140 is already above Δ(0, 1) = 0.000138');
    expect(words).toContain('within the rounding of the measurement');
    expect(breakWords([null, 0.0031, 0.0062], 0)).not.toContain('rounding');
  });

  it('starts no run on the last block', () => {
    expect(breakWords([null, null, null], 2)).toBe('Block 2 is the last one: no run starts here.');
  });

  it('ends a run at a seam, whatever comes behind it', () => {
    expect(breakWords([null, 0.3, 0.2, 0.9], 0, STACKS)).toBe(
      'From block 0 the difference never rises: blocks 0 to 2 are one run, up to the seam between two stacks.',
    );
    expect(breakWords([null, null, null, 0.9], 2, STACKS)).toBe(
      'Block 2 is the last one before the seam between two stacks: no run starts here.',
    );
  });
});
