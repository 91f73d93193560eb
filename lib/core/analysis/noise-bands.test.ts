import { describe, expect, it } from 'vitest';
import { noiseBands } from './noise-bands.ts';

const levels = (count: number, samples: number) =>
  Float64Array.from({ length: samples }, (_, i) => ((i % count) + 0.5) / count);

describe('noise bands', () => {
  it('are thirds of the distinct timesteps, high noise first, with the held-out samples of each', () => {
    const { bands, bandOf } = noiseBands(levels(8, 64), [7, 15, 4, 0]);
    expect(bands.map(({ id, timesteps }) => [id, timesteps])).toEqual([
      ['early', [0.6875, 0.8125, 0.9375]],
      ['middle', [0.4375, 0.5625]],
      ['late', [0.0625, 0.1875, 0.3125]],
    ]);
    expect(bands.map(({ heldOutSamples }) => heldOutSamples)).toEqual([2, 1, 1]);
    expect(bands[0]!.label).toBe('early, high noise: timesteps 0.688 to 0.938');
    expect([7, 4, 0].map(bandOf)).toEqual([0, 1, 2]);
  });

  it.each([3, 4, 5, 6, 7, 13, 21, 1000])('have every one of %i timesteps once, and differ by one at most', (count) => {
    const { bands } = noiseBands(levels(count, count), []);
    expect(bands.flatMap(({ timesteps }) => timesteps)).toHaveLength(count);
    expect(new Set(bands.flatMap(({ timesteps }) => timesteps)).size).toBe(count);
    const sizes = bands.map(({ timesteps }) => timesteps.length);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
  });

  it('are two for two timesteps, and none for one', () => {
    expect(noiseBands(levels(2, 6), [0]).bands.map(({ id, heldOutSamples }) => [id, heldOutSamples])).toEqual([
      ['early', 0],
      ['late', 1],
    ]);
    const { bands, bandOf } = noiseBands(levels(1, 6), [0]);
    expect(bands).toEqual([]);
    expect(bandOf(3)).toBe(0);
  });
});
