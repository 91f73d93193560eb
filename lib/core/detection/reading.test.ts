import { describe, expect, it } from 'vitest';
import type { AnalysisReport, Matrix, SplitFacts, StreamAnalysis } from '../report/report.ts';
import { EXAMPLE_SPLIT, similarityWith, streamWith } from '../report/report-fixtures.ts';
import {
  caveatWords,
  DEFAULT_DETECTION,
  detectIntervals,
  problemWords,
  readingProblem,
  rowsNeeded,
  splitTable,
  splitWords,
} from './index.ts';

const WIDTH = 96;
const BLOCKS = 4;
const matrix: Matrix = Array.from({ length: BLOCKS }, (_, u) =>
  Array.from({ length: BLOCKS }, (_, k) => (k < u ? null : 1 - 0.01 * (k - u) ** 2)),
);
const stream = (fitted: number, heldOut: number): StreamAnalysis => ({
  ...streamWith(matrix, [0.5, 0.5, 0.5, 0.5]),
  similarity: {
    'held-out': heldOut > 0 ? similarityWith(matrix, heldOut) : null,
    all: similarityWith(matrix, fitted + heldOut),
  },
});

/** Of so many fitted and held-out tokens of each stream. */
function reportOf(
  image: StreamAnalysis,
  text: StreamAnalysis,
  { samples = 16, split = EXAMPLE_SPLIT, width = WIDTH as number | null } = {},
) {
  return {
    streams: { image, text },
    model: {
      width,
      stacks: [{ id: 'dual', label: 'dual', first: 0, last: BLOCKS - 1 }],
      streams: [
        { id: 'image', label: 'image' },
        { id: 'text', label: 'text' },
      ],
    } as unknown as AnalysisReport['model'],
    calibration: { samples } as AnalysisReport['calibration'],
    split,
  };
}
const ALL = { ...DEFAULT_DETECTION, rows: 'all' } as const;
const ENOUGH = stream(192, 96);

describe('a reading over held-out tokens', () => {
  it('is detected in where every deciding stream has enough', () => {
    const report = reportOf(ENOUGH, ENOUGH);
    expect(rowsNeeded(WIDTH)).toEqual({ fitted: 192, heldOut: 96 });
    expect(readingProblem(report, DEFAULT_DETECTION)).toBeNull();
    expect(detectIntervals(report, DEFAULT_DETECTION).length).toBeGreaterThan(0);
    expect(caveatWords(report, DEFAULT_DETECTION)).toBeNull();
  });

  it.each<[string, StreamAnalysis, RegExp]>([
    [
      'few fitted ones',
      stream(191, 96),
      /^No intervals are detected: text has 191 of 192 fitted tokens that width 96 needs\. About 17 samples instead of 16 are enough\.$/,
    ],
    ['few held-out ones', stream(192, 24), /text has 24 of 96 held-out tokens that width 96 needs\. About 64 samples/],
    ['few of both', stream(96, 32), /text has 96 of 192 fitted and 32 of 96 held-out tokens.*About 48 samples/],
  ])('with %s has no intervals but a sentence with the number that would do', (_, text, words) => {
    const report = reportOf(ENOUGH, text);
    const problem = readingProblem(report, DEFAULT_DETECTION);
    expect(detectIntervals(report, DEFAULT_DETECTION)).toEqual([]);
    expect(problem && problemWords(problem, report)).toMatch(words);
    // The other stream alone has enough, and all tokens may be read.
    expect(detectIntervals(report, { ...DEFAULT_DETECTION, streams: 'image' }).length).toBeGreaterThan(0);
    expect(detectIntervals(report, { ...DEFAULT_DETECTION, streams: 'text' })).toEqual([]);
    expect(caveatWords(report, ALL)).toMatch(/^Over all tokens.*flatters them\. Few tokens: text has/);
  });

  it('asks wide models for a few thousand tokens, and tiny ones for a few dozen', () => {
    expect(rowsNeeded(3072)).toEqual({ fitted: 1024, heldOut: 512 });
    expect(rowsNeeded(8)).toEqual({ fitted: 16, heldOut: 16 });
  });

  it('leaves a stream without tokens aside', () => {
    const none: StreamAnalysis = { ...ENOUGH, similarity: { 'held-out': null, all: null } };
    expect(readingProblem(reportOf(ENOUGH, none), DEFAULT_DETECTION)).toBeNull();
  });
});

describe('where nothing is held out', () => {
  const one = (samples: number): SplitFacts => ({
    ...EXAMPLE_SPLIT,
    rule: 'prompt-groups',
    seed: 1,
    groups: 1,
    heldOutGroups: 0,
    timesteps: [{ timestep: 0.5, samples, heldOut: 0 }],
  });
  const few = stream(64, 0);

  it.each([
    [1, /nothing is held out, as there is one sample alone\. Calibrate on samples of two prompts or more\./],
    [8, /nothing is held out, as all samples are of one prompt\. Calibrate on two prompts or more; .*prompt_group/],
  ])('with %i samples says why', (samples, words) => {
    const report = reportOf(few, few, { samples, split: one(samples) });
    const problem = readingProblem(report, DEFAULT_DETECTION);
    expect(detectIntervals(report, DEFAULT_DETECTION)).toEqual([]);
    expect(problem && problemWords(problem, report)).toMatch(words);
    expect(splitWords(report.split)).toMatch(new RegExp(`^N${words.source.slice(1)}`));
  });

  it('reads no breaks of rounding noise over all tokens either, where the probes reproduce them', () => {
    const report = reportOf(few, few, { samples: 1, split: one(1) });
    const problem = readingProblem(report, ALL);
    expect(detectIntervals(report, ALL)).toEqual([]);
    expect(problem && problemWords(problem, report)).toMatch(
      /the probes reproduce the tokens that they were fitted on \(image has 64 of 98 fitted, text has 64 of 98 fitted tokens/,
    );
    const more = reportOf(stream(98, 0), few, { samples: 2, split: one(2) });
    expect(detectIntervals(more, ALL).length).toBeGreaterThan(0);
    expect(detectIntervals(more, { ...ALL, streams: 'text' })).toEqual([]);
  });
});

describe('a report of an earlier version', () => {
  const old = (): StreamAnalysis => ({ ...stream(20, 0), probeBounds: null });
  const split = { rule: 'golden-ratio', share: 0.25 } as const;
  const report = reportOf(old(), old(), { width: null, split });

  it('is read over all tokens as it was, however few, and never silently instead of held-out ones', () => {
    expect(detectIntervals(report, ALL).length).toBeGreaterThan(0);
    expect(detectIntervals(report, DEFAULT_DETECTION)).toEqual([]);
    const problem = readingProblem(report, DEFAULT_DETECTION);
    expect(problem && problemWords(problem, report)).toMatch(
      /an earlier version took.*over all tokens alone\. Analyse again/,
    );
    expect(splitWords(split)).toMatch(/Held-out figures of an earlier split/);
    expect(splitTable(split)).toEqual([]);
  });
});

it('a split is told in a line, and in one per timestep', () => {
  const timesteps = [
    { timestep: 0.0625, samples: 8, heldOut: 2 },
    { timestep: 1 / 3, samples: 1000, heldOut: 250 },
  ];
  const split: SplitFacts = { rule: 'prompt-groups', seed: 1, share: 0.25, groups: 504, heldOutGroups: 126, timesteps };
  expect(splitWords(split)).toBe('Held out: 126 of 504 prompts, 252 of 1,008 samples.');
  expect(splitTable(split)).toEqual([
    'timestep     fitted held out',
    '0.0625            6        2',
    '0.3333          750      250',
  ]);
});
