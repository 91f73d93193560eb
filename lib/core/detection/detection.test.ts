import { describe, expect, it } from 'vitest';
import { runEdit } from '../edit/index.ts';
import type { Matrix, StreamAnalysis, TrajectoryReading } from '../report/report.ts';
import { damageOf, readingsOf, streamWith } from '../report/report-fixtures.ts';
import {
  chooseByBudget,
  DEFAULT_DETECTION,
  detectIntervals,
  differences,
  differencesOf,
  firstRise,
  lastBeforeBreak,
  type RankableReport,
  rankByDamage,
  similarityBoundsOf,
  similarityOf,
  totalScore,
  trajectoryOf,
} from './index.ts';

type Deltas = (u: number, k: number) => number | null;

/** Trajectories with cka(u, u) = 1 and the given differences; null keeps the value n/a at that k. */
function trajectories(blocks: number, delta: Deltas): Matrix {
  return Array.from({ length: blocks }, (_, u) => {
    let value = 1;
    return Array.from({ length: blocks }, (_, k) => {
      if (k < u) return null;
      const step = k === u ? 0 : delta(u, k);
      if (step === null) return null;
      value -= step;
      return value;
    });
  });
}

function stream(matrix: Matrix, probeError: (number | null)[] = matrix.map(() => 0.1)): StreamAnalysis {
  const readings: Record<TrajectoryReading, Matrix> = {
    'block-u/teacher-after-k': matrix,
    'block-u/teacher-after-u': [],
    'probe-u/teacher-after-k': [],
    'probe-u/teacher-after-u': [],
  };
  return streamWith(
    readings,
    probeError,
    probeError.map(() => 0.5),
  );
}

type Measured = Omit<RankableReport, 'streams'>;
const UNMEASURED: Measured = { damage: [], directionErrors: [], proxies: null, bands: [] };

function report(image: StreamAnalysis, text: StreamAnalysis = image, measured = UNMEASURED) {
  return { streams: { image, text }, ...measured };
}

const STEP = 2 ** -10; // exact in binary, so that ties are ties
/** Differences fall by one step per block, and jump up at the given blocks. */
const fallingExceptAt =
  (...breaks: number[]): Deltas =>
  (u, k) =>
    STEP * (40 - (k - u) + (breaks.includes(k) ? 20 : 0));

describe('the first-difference rule', () => {
  it('ends an interval before the block at which the difference rises', () => {
    const found = detectIntervals(report(stream(trajectories(10, fallingExceptAt(4, 7)))), DEFAULT_DETECTION);
    expect(found).toEqual([
      { first: 0, last: 3 },
      { first: 4, last: 6 },
      { first: 7, last: 9 },
    ]);
  });

  it('runs to the last block when there is no break at all', () => {
    expect(detectIntervals(report(stream(trajectories(8, fallingExceptAt()))), DEFAULT_DETECTION)).toEqual([
      { first: 0, last: 7 },
    ]);
  });

  it('breaks before the last block and leaves that block alone, since one block is no interval', () => {
    expect(detectIntervals(report(stream(trajectories(6, fallingExceptAt(5)))), DEFAULT_DETECTION)).toEqual([
      { first: 0, last: 4 },
    ]);
  });

  it('cannot break at u+1, which has no earlier difference', () => {
    const found = detectIntervals(report(stream(trajectories(4, fallingExceptAt(1)))), DEFAULT_DETECTION);
    expect(found).toEqual([{ first: 0, last: 3 }]);
  });

  it('cuts rising differences into pairs, and drops an odd tail', () => {
    const rising: Deltas = (u, k) => STEP * (k - u);
    expect(detectIntervals(report(stream(trajectories(5, rising))), DEFAULT_DETECTION)).toEqual([
      { first: 0, last: 1 },
      { first: 2, last: 3 },
    ]);
  });

  it('goes on over ties', () => {
    const flat: Deltas = () => STEP;
    expect(detectIntervals(report(stream(trajectories(5, flat))), DEFAULT_DETECTION)).toEqual([{ first: 0, last: 4 }]);
  });

  it('sees negative differences, where the surrogate comes closer again, as falling', () => {
    const deltas = [null, 0.02, 0.01, -0.01, -0.02, 0.001];
    expect(lastBeforeBreak(deltas, 0)).toBe(4);
  });

  it('finds nothing in a model of one block, or of none', () => {
    expect(detectIntervals(report(stream(trajectories(1, fallingExceptAt()))), DEFAULT_DETECTION)).toEqual([]);
    expect(detectIntervals(report(stream([])), DEFAULT_DETECTION)).toEqual([]);
  });

  it('reads the trajectory of the asked reading, estimator and stream', () => {
    const image = stream(trajectories(6, fallingExceptAt(3)));
    const text = stream(trajectories(6, fallingExceptAt(2)));
    const both = report(image, text);
    expect(detectIntervals(both, { ...DEFAULT_DETECTION, streams: 'image' })[0]).toEqual({ first: 0, last: 2 });
    expect(detectIntervals(both, { ...DEFAULT_DETECTION, streams: 'text' })[0]).toEqual({ first: 0, last: 1 });
    expect(detectIntervals(both, { ...DEFAULT_DETECTION, start: 'probe-u' })).toEqual([]);
  });

  it('ends an interval at the seam between two stacks', () => {
    const stacks = [
      { id: 'dual', label: 'dual-stream blocks', first: 0, last: 2 },
      { id: 'single', label: 'single-stream blocks', first: 3, last: 7 },
    ];
    const found = detectIntervals(
      { ...report(stream(trajectories(8, fallingExceptAt()))), model: { stacks } },
      DEFAULT_DETECTION,
    );
    expect(found).toEqual([
      { first: 0, last: 2 },
      { first: 3, last: 7 },
    ]);
  });
});

describe('the streams of a model', () => {
  const image = stream(trajectories(6, fallingExceptAt(3)), [0, 0.1, 0.1, 0.1, 0.1, 0.1]);
  const other = stream(trajectories(6, fallingExceptAt(2)), [0, 0.4, 0.4, 0.4, 0.4, 0.4]);

  it('may be one', () => {
    const one = { ...UNMEASURED, streams: { latent: image } };
    expect(detectIntervals(one, DEFAULT_DETECTION)).toEqual(
      detectIntervals(report(image), { ...DEFAULT_DETECTION, streams: 'image' }),
    );
    expect(rankByDamage(one, [{ first: 0, last: 2 }], 'probe')[0]?.score).toBeCloseTo(0.2, 12);
  });

  it('may be three: all have a part in the mean, and each can decide alone', () => {
    const three = { ...UNMEASURED, streams: { image, text: image, audio: other } };
    const value = (streams: string) => trajectoryOf(three, { ...DEFAULT_DETECTION, streams })[0]![2]!;
    expect(value('mean')).toBeCloseTo((value('image') + value('text') + value('audio')) / 3, 12);
    expect(value('audio')).not.toBe(value('image'));
    expect(detectIntervals(three, { ...DEFAULT_DETECTION, streams: 'audio' })[0]).toEqual({ first: 0, last: 1 });
    expect(rankByDamage(three, [{ first: 0, last: 2 }], 'probe')[0]?.score).toBeCloseTo(0.4, 12);
  });

  it('are named where one is asked for that the analysis has not', () => {
    expect(() => detectIntervals(report(image), { ...DEFAULT_DETECTION, streams: 'audio' })).toThrow(
      /no such stream; found audio; expected mean, image, text/,
    );
  });
});

describe('streams that take no part', () => {
  const image = stream(trajectories(5, fallingExceptAt()));
  const lastTextUnchanged = stream(trajectories(5, (u, k) => (k === 4 ? null : STEP * 3 * (20 - (k - u)))));

  it('leaves the other stream to decide, without a jump where one drops out', () => {
    const deltas = differencesOf(report(image, lastTextUnchanged), DEFAULT_DETECTION);
    expect(deltas[0]?.[4]).toBeCloseTo(STEP * 36, 12);
    expect(deltas[0]?.[3]).toBeCloseTo((STEP * 37 + STEP * 3 * 17) / 2, 12);
    expect(detectIntervals(report(image, lastTextUnchanged), DEFAULT_DETECTION)).toEqual([{ first: 0, last: 4 }]);
  });

  it('averages the streams that have a value', () => {
    const cka = trajectoryOf(report(image, lastTextUnchanged), DEFAULT_DETECTION);
    const imageAlone = trajectoryOf(report(image), { ...DEFAULT_DETECTION, streams: 'image' });
    expect(cka[0]?.[4]).toBe(imageAlone[0]?.[4]);
    expect(cka[0]?.[0]).toBe(1);
    expect(cka[2]?.[1]).toBeNull();
  });

  it('has no difference, no break and no NaN where no stream has a value', () => {
    const nothing = stream(trajectories(4, () => null));
    expect(
      differencesOf(report(nothing), DEFAULT_DETECTION)
        .flat()
        .every((v) => v === null),
    ).toBe(true);
    expect(similarityOf(report(nothing), DEFAULT_DETECTION, { first: 0, last: 2 })).toBeNull();
  });

  it('has the bounds of an interval for each stream that decides and was resampled', () => {
    const matrix = trajectories(4, () => 2 ** -4);
    const { similarity } = stream(matrix);
    const found = similarity['held-out']!;
    const shifted = (by: number) => readingsOf(matrix.map((row) => row.map((value) => value && value + by)));
    const [low, high] = [shifted(-0.125), shifted(0.25)];
    const reading = 'block-u/teacher-after-k';
    const trajectoryBounds = { ...low, [reading]: { low: low[reading], high: high[reading] } } as never;
    const resampled: StreamAnalysis = {
      ...stream(matrix),
      similarity: {
        ...similarity,
        'held-out': {
          ...found,
          bounds: { cka: {} as never, trajectories: { debiased: trajectoryBounds, biased: {} as never } },
        },
      },
    };
    const value = matrix[1]![3]!;
    expect(similarityBoundsOf(report(resampled, stream(matrix)), DEFAULT_DETECTION, { first: 1, last: 3 })).toEqual([
      { stream: 'image', value, bounds: { low: value - 0.125, high: value + 0.25 } },
    ]);
    const text = { ...DEFAULT_DETECTION, streams: 'text' };
    expect(similarityBoundsOf(report(resampled, stream(matrix)), text, { first: 1, last: 3 })).toEqual([]);
  });

  it('takes the difference over an unchanged block from the last value before it', () => {
    expect(differences([1, 0.75, null, 0.25])).toEqual([null, 0.25, null, 0.5]);
  });

  it('compares with the last difference before a null', () => {
    expect(lastBeforeBreak([null, 0.3, null, 0.2, 0.4], 0)).toBe(3);
    expect(lastBeforeBreak([null, 0.3, null, 0.4, 0.1], 0)).toBe(2);
  });
});

describe('the rise that ends a run', () => {
  it('is told with the difference that it is above', () => {
    expect(firstRise([null, 0.3, 0.2, 0.25, 0.9], 0)).toEqual({
      block: 3,
      delta: 0.25,
      before: { block: 2, delta: 0.2 },
    });
  });

  it('is compared with the last difference before a block that has none', () => {
    expect(firstRise([null, 0.3, null, 0.4], 0)).toEqual({ block: 3, delta: 0.4, before: { block: 1, delta: 0.3 } });
  });

  it('is missing where differences fall or stay up to the end', () => {
    expect(firstRise([null, 0.3, 0.3, 0.1], 0)).toBeNull();
    expect(firstRise([null, null, 0.3], 1)).toBeNull();
  });
});

describe('the threshold rule', () => {
  it('goes on while the similarity stays at or above the threshold', () => {
    const flat: Deltas = () => 2 ** -4;
    const found = detectIntervals(report(stream(trajectories(7, flat))), DEFAULT_DETECTION, {
      kind: 'threshold',
      atLeast: 1 - 2 ** -3,
    });
    expect(found).toEqual([
      { first: 0, last: 2 },
      { first: 3, last: 5 },
    ]);
  });

  it('finds nothing when even the neighbour falls below', () => {
    const found = detectIntervals(report(stream(trajectories(5, () => 0.2))), DEFAULT_DETECTION, {
      kind: 'threshold',
      atLeast: 0.9,
    });
    expect(found).toEqual([]);
  });
});

describe('ranking by damage', () => {
  const intervals = [
    { first: 0, last: 1 },
    { first: 2, last: 5 },
    { first: 6, last: 8 },
  ];
  const by = (first: number, last: number, nothing: number, probes: number) => [
    damageOf(runEdit({ first, last }, 'nothing'), nothing),
    damageOf(runEdit({ first, last }, 'probes'), probes),
  ];
  const directionErrors = Array.from({ length: 9 }, () => new Array<number | null>(9).fill(null));
  directionErrors[0]![1] = 0.3;
  directionErrors[2]![5] = 0.1;
  const damage = { ...UNMEASURED, damage: [...by(0, 1, 0.2, 0.05), ...by(2, 5, 0.1, 0.06)], directionErrors };
  const probeError = [0.9, 0.1, null, 0.2, 0.2, 0.2, 0.1, 0.1, 0.1];
  const measured = report(stream(trajectories(9, fallingExceptAt(2, 6)), probeError), undefined, damage);
  const order = (score: Parameters<typeof rankByDamage>[2]) =>
    rankByDamage(measured, intervals, score).map(({ interval }) => interval.first);

  it('puts the least measured damage first and unmeasured intervals last', () => {
    expect(order('removed')).toEqual([2, 0, 6]);
    expect(order('probed')).toEqual([0, 2, 6]);
    expect(order('direction')).toEqual([2, 0, 6]);
    expect(rankByDamage(measured, intervals, 'removed')[2]?.score).toBeNull();
  });

  it('ranks by the surrogate and by accumulated probe error without any measurement', () => {
    expect(order('cka')).toEqual([0, 6, 2]);
    expect(order('probe')).toEqual([0, 6, 2]);
    expect(rankByDamage(measured, intervals, 'probe').map(({ score }) => score)).toEqual([
      0.1, 0.2, 0.6000000000000001,
    ]);
  });

  it('sums a score over chosen intervals, and says nothing where one of them was not measured', () => {
    expect(totalScore(measured, intervals.slice(0, 2), 'removed')).toBeCloseTo(Math.hypot(0.1, 0.2), 12);
    expect(totalScore(measured, intervals, 'removed')).toBeNull();
    expect(totalScore(measured, [], 'removed')).toBe(0);
  });

  it('removes exactly as many blocks as asked for, shortening the last interval at its end', () => {
    const ranked = rankByDamage(measured, intervals, 'removed');
    expect(chooseByBudget(ranked, 0)).toEqual([]);
    expect(chooseByBudget(ranked, 2)).toEqual([{ first: 2, last: 4 }]);
    expect(chooseByBudget(ranked, 4)).toEqual([
      { first: 0, last: 1 },
      { first: 2, last: 5 },
    ]);
    for (let count = 0; count <= 6; count++) {
      const removed = chooseByBudget(ranked, count).reduce((sum, { first, last }) => sum + last - first, 0);
      expect(removed).toBe(count);
    }
  });

  it('takes everything when asked for more than there is', () => {
    expect(chooseByBudget(rankByDamage(measured, intervals, 'removed'), 99)).toEqual(intervals);
  });
});
