import { expect, test } from 'vitest';
import { runEdit } from '../../edit/index.ts';
import type { EditDamage, NoiseBand } from '../../report/report.ts';
import { ablationsOf, blockAblation, runsOf, unmeasured } from '../ablation.ts';
import { totalScore } from '../damage.ts';
import { chooseLeastDamage } from '../partition.ts';
import { scoreCorrelations } from '../score-correlations.ts';
import { DEFAULT_DETECTION } from '../settings.ts';
import { scoreNamed } from './index.ts';
import type { RankableReport } from './score.ts';

const BANDS: NoiseBand[] = [
  { id: 'early', label: 'early', timesteps: [0.9, 0.7], heldOutSamples: 4 },
  { id: 'late', label: 'late', timesteps: [0.2], heldOutSamples: 4 },
];
const measured = (first: number, last: number, outputError: number, bands: number[] = []): EditDamage => ({
  edit: runEdit({ first, last }, 'nothing'),
  outputError,
  bounds: null,
  bands,
});
const reportWith = (change: Partial<RankableReport>): RankableReport => ({
  streams: {},
  damage: [],
  directionErrors: [],
  proxies: null,
  bands: BANDS,
  ...change,
});
const scoreOf = (name: Parameters<typeof scoreNamed>[0], report: RankableReport, first: number, last: number) =>
  scoreNamed(name).of(report, { first, last }, DEFAULT_DETECTION);

test('the error of early steps weights each noise band by its mean timestep', () => {
  const report = reportWith({ damage: [measured(0, 2, 0.3, [0.4, 0.1]), measured(2, 3, 0.3)] });
  expect(scoreOf('early', report, 0, 2)).toBeCloseTo(Math.sqrt((0.8 * 0.16 + 0.2 * 0.01) / (0.8 + 0.2)), 12);
  // Not measured by band, and not measured at all.
  expect(scoreOf('early', report, 2, 3)).toBeNull();
  expect(scoreOf('early', report, 1, 2)).toBeNull();
});

test('the proxies of an interval are those of the states after its first and its last block', () => {
  const intervals = { blockInfluence: [[null, 0.1, 0.25]], inputOutputMse: [[null, 3, 7]] };
  const report = reportWith({ proxies: { blockInfluence: {}, inputOutputMse: {}, intervals } });
  expect(scoreOf('influence', report, 0, 2)).toBe(0.25);
  expect(scoreOf('mse', report, 0, 2)).toBe(7);
  expect(scoreOf('influence', reportWith({}), 0, 2)).toBeNull();
});

test('scores are correlated with what was measured, over the intervals that were measured', () => {
  const damage = [0.1, 0.2, 0.3, 0.4, 0.5].map((error, i) => measured(0, i + 1, error));
  const blockInfluence = [[null, 1, 2, 3, 4, 5, 0.1]];
  const inputOutputMse = [[null, 5, 4, 3, 2, 1]];
  const intervals = { blockInfluence, inputOutputMse };
  const found = scoreCorrelations(
    reportWith({ damage, proxies: { blockInfluence: {}, inputOutputMse: {}, intervals } }),
  );
  const of = (name: string) => found.find(({ score }) => score.name === name)!.correlation;
  expect(of('influence')).toMatchObject({ rho: 1, n: 5 });
  expect(of('mse')).toMatchObject({ rho: -1, n: 5 });
  expect(of('direction')).toBeNull();
  // The reference is not held against itself.
  expect(found.map(({ score }) => score.name)).not.toContain('removed');
});

test('each block is left out as a run with the one before it, and the first of every stack as a part', () => {
  const depth = {
    numBlocks: 5,
    stacks: [
      { first: 0, last: 2 },
      { first: 3, last: 4 },
    ],
  };
  const { edits, parts } = ablationsOf('blocks', depth);
  expect(edits.map(({ first, last, by }) => [first, last, by])).toEqual([
    [0, 1, 'nothing'],
    [1, 2, 'nothing'],
    [3, 4, 'nothing'],
  ]);
  expect(parts).toEqual([
    { block: 0, part: 'block' },
    { block: 3, part: 'block' },
  ]);
  expect(ablationsOf('parts', depth).parts).toHaveLength(10);
  expect(ablationsOf('linear', depth).edits).toEqual(runsOf(depth).map((run) => runEdit(run, 'linear')));
  // A detected interval may be longer than the runs that are measured otherwise.
  const detected = [
    { first: 0, last: 1 },
    { first: 0, last: 6 },
  ];
  expect(ablationsOf('linear', { numBlocks: 8, stacks: [{ first: 0, last: 7 }] }, detected).edits.at(-1)).toEqual(
    runEdit({ first: 0, last: 6 }, 'linear'),
  );
  expect(ablationsOf('linear', depth, detected.slice(0, 1)).edits).toHaveLength(4);
  expect(runsOf(depth)).toEqual([
    { first: 0, last: 1 },
    { first: 1, last: 2 },
    { first: 3, last: 4 },
    { first: 0, last: 2 },
  ]);
  const report = {
    damage: [measured(0, 1, 0.2)],
    parts: [{ ...parts[0]!, outputError: 0.7, bounds: null, bands: [] }],
  };
  expect(unmeasured(report, { edits, parts }).edits).toHaveLength(2);
  expect(unmeasured(report, { edits, parts }).parts).toEqual([{ block: 3, part: 'block' }]);
  expect([0, 1, 2].map((block) => blockAblation(report, block)?.outputError)).toEqual([0.7, 0.2, undefined]);
});

test('a linear map has its own errors, which add up in squares', () => {
  const damage = [measured(0, 2, 0.3, [0.4, 0.1]), measured(3, 4, 0.4, [0.2, 0.2])].map((one) => ({
    ...one,
    edit: { ...one.edit, by: 'linear' as const },
  }));
  const report = reportWith({ damage });
  expect(scoreOf('linear', report, 0, 2)).toBe(0.3);
  expect(scoreOf('removed', report, 0, 2)).toBeNull();
  expect(scoreOf('linear-early', report, 0, 2)).toBeCloseTo(Math.sqrt((0.8 * 0.16 + 0.2 * 0.01) / (0.8 + 0.2)), 12);
  const runs = [
    { first: 0, last: 2 },
    { first: 3, last: 4 },
  ];
  expect(totalScore(report, runs, 'linear')).toBeCloseTo(0.5, 12);
  // In squares the two halves of 0.3 each (0.18) cost less than one of 0.5 (0.25); their plain sum would cost more.
  const halves = [measured(0, 1, 0.3), measured(2, 3, 0.3), measured(0, 2, 0.5)].map((one) => ({
    ...one,
    edit: { ...one.edit, by: 'linear' as const },
  }));
  const depth = { numBlocks: 4, stacks: [{ first: 0, last: 3 }] };
  expect(chooseLeastDamage(reportWith({ damage: halves }), depth, 2, 'linear')).toEqual([
    { first: 0, last: 1 },
    { first: 2, last: 3 },
  ]);
});
