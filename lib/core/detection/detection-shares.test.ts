import { describe, expect, it } from 'vitest';
import { seededRandom } from '../random.ts';
import type { PerEstimator, PerReading } from '../report/report.ts';
import { detectionShares } from './detection-shares.ts';
import { lastBeforeBreak } from './rule.ts';
import { differences } from './trajectory.ts';

const [BLOCKS, RESAMPLES] = [8, 40];
type Value = (u: number, k: number, resample: number) => number;

function resampled(value: Value): PerEstimator<PerReading<Float64Array>> {
  const values = Float64Array.from({ length: BLOCKS * BLOCKS * RESAMPLES }, (_, at) => {
    const [u, k] = [Math.floor(at / RESAMPLES / BLOCKS), Math.floor(at / RESAMPLES) % BLOCKS];
    return k < u ? Number.NaN : value(u, k, at % RESAMPLES);
  });
  const readings = {
    'block-u/teacher-after-k': values,
    'block-u/teacher-after-u': values,
    'probe-u/teacher-after-k': values,
    'probe-u/teacher-after-u': values,
  };
  return { debiased: readings, biased: readings };
}

const noise = (seed: number): Value => {
  const random = seededRandom(seed);
  const values = Array.from({ length: BLOCKS * BLOCKS * RESAMPLES }, () => random.uniform());
  return (u, k, resample) => values[(u * BLOCKS + k) * RESAMPLES + resample]!;
};

describe('how often the rule finds the same', () => {
  it('is counted in every reading as the rule decides on each resample by itself', () => {
    const [image, text] = [noise(1), noise(2)];
    const withGap: Value = (u, k, r) => (k === BLOCKS - 1 || k === 3 ? Number.NaN : text(u, k, r));
    const shares = detectionShares({ image: resampled(image), text: resampled(withGap) }, BLOCKS, RESAMPLES);
    expect(shares).toHaveLength(2 * 2 * 2 * 3);
    const mean = shares.find(({ streams, estimator }) => streams === 'mean' && estimator === 'biased')!;
    const intervals = new Map<string, number>();
    const breaks = new Map<string, number>();
    const add = (map: Map<string, number>, key: string) => map.set(key, (map.get(key) ?? 0) + 1 / RESAMPLES);
    for (let r = 0; r < RESAMPLES; r++) {
      const row = (u: number) => {
        const of = (value: Value) =>
          differences(
            Array.from({ length: BLOCKS }, (_, k) => {
              const one = k < u ? Number.NaN : value(u, k, r);
              return Number.isNaN(one) ? null : one;
            }),
          );
        const [a, b] = [of(image), of(withGap)];
        return a.map((one, k) => {
          const present = [one, b[k] ?? null].filter((value) => value !== null);
          return present.length === 0 ? null : present.reduce((x, y) => x + y, 0) / present.length;
        });
      };
      for (let u = 0; u < BLOCKS; u++) {
        const last = lastBeforeBreak(row(u), u);
        if (last < BLOCKS - 1) add(breaks, `${u} ${last}`);
      }
      for (let first = 0; first < BLOCKS; ) {
        const last = lastBeforeBreak(row(first), first);
        if (last > first) add(intervals, `${first} ${last}`);
        first = last + 1;
      }
    }
    expect(mean.intervals.length).toBe(intervals.size);
    for (const { first, last, share } of mean.intervals)
      expect(share).toBeCloseTo(intervals.get(`${first} ${last}`)!, 9);
    expect(mean.breaks.length).toBe(breaks.size);
    for (const { start, block, share } of mean.breaks) expect(share).toBeCloseTo(breaks.get(`${start} ${block}`)!, 9);
  });

  it('ends runs at a seam, which is no break', () => {
    const flat = resampled((u, k) => 1 - 0.01 * (k - u));
    const stacks = [
      { id: 'a', label: 'a', first: 0, last: 2 },
      { id: 'b', label: 'b', first: 3, last: BLOCKS - 1 },
    ];
    const [shares] = detectionShares({ image: flat }, BLOCKS, RESAMPLES, stacks);
    expect(shares!.intervals.map(({ first, last, share }) => [first, last, share])).toEqual([
      [0, 2, 1],
      [3, BLOCKS - 1, 1],
    ]);
    expect(shares!.breaks).toEqual([]);
  });
});
