import { describe, expect, it } from 'vitest';
import { markdown, measureSection, ratioOf, worstDifference } from './gpu-section.ts';

const measured = { columns: ['a'], rows: [['1 ms']], notes: [], data: null, failed: false };

describe('a section of the measurements', () => {
  it('that takes too long is reported as failed, and what it started is ended', async () => {
    let ended = false;
    const section = await measureSection(
      {
        title: 'Hangs',
        measure: (owned) => {
          owned(() => {
            ended = true;
          });
          return new Promise(() => {});
        },
      },
      0.01,
    );
    expect(section.failed).toBe(true);
    expect(ended).toBe(true);
    expect(markdown(section)).toContain('**Failed**: it took longer than 0.01 s');
  });

  it('that throws keeps the reason', async () => {
    const section = await measureSection(
      { title: 'Breaks', measure: async () => Promise.reject(new Error('webgpu ended (1): no adapter')) },
      60,
    );
    expect(markdown(section)).toBe('## Breaks\n\n**Failed**: webgpu ended (1): no adapter\n');
  });

  it('that went well ends what it started, and is a table', async () => {
    let ended = false;
    const measure = async (owned: (end: () => void) => void) => {
      owned(() => {
        ended = true;
      });
      return measured;
    };
    const section = await measureSection({ title: 'Works', measure }, 60);
    expect(ended).toBe(true);
    expect(markdown(section)).toBe('## Works\n\n| a |\n| --- |\n| 1 ms |\n');
  });
});

describe('a comparison', () => {
  it('is relative to the largest value of the reference', () => {
    expect(worstDifference([1, -9], [1, -10])).toBeCloseTo(0.1, 12);
  });

  it('has no number where one side has none, or another length', () => {
    expect(worstDifference([1, null], [1, 2])).toBeNaN();
    expect(worstDifference([1], [1, 2])).toBeNaN();
    expect(worstDifference(undefined, [1])).toBeNaN();
    expect(worstDifference([], [])).toBeNaN();
  });

  it('of times is the median of the turns’ ratios, not a ratio of medians', () => {
    expect(ratioOf([3, 40, 6], [1, 10, 3])).toBe('3 × (2.5 to 3.5)');
  });
});
