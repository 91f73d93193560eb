import { expect, test } from 'vitest';
import { runEdit } from '../edit/index.ts';
import { LONGEST_ABLATION, runsOf } from './ablation.ts';
import { chooseLeastDamage } from './partition.ts';
import type { RankableReport } from './scores/score.ts';
import { leastScore, standInWords, usableScore } from './usable-score.ts';

const DEPTH = { numBlocks: 8, stacks: [{ first: 0, last: 7 }] };
const RUNS = runsOf(DEPTH);
const damageOf = (runs: typeof RUNS): RankableReport['damage'] =>
  runs.map((run) => ({
    edit: runEdit(run, 'nothing'),
    outputError: 0.01 * (run.last - run.first) * (8 - run.first),
    bounds: null,
    bands: [],
  }));
const reportOf = (runs: typeof RUNS): RankableReport => ({
  streams: {},
  damage: damageOf(runs),
  directionErrors: [],
  proxies: null,
  bands: [],
});

test('a score that every report has is the one that ranks', () => {
  expect(usableScore(reportOf([]), RUNS, 'direction')).toEqual({ score: 'direction', standsInFor: null });
});

test('a measured score ranks once every interval has it, and until then 1 − surrogate CKA does and says why', () => {
  expect(leastScore(reportOf(RUNS), DEPTH, undefined, 'removed')).toEqual({ score: 'removed', standsInFor: null });
  const short = leastScore(reportOf(RUNS.slice(3)), DEPTH, undefined, 'removed');
  expect(short).toEqual({ score: 'cka', standsInFor: { score: 'removed', missing: 3, of: RUNS.length } });
  expect(standInWords(short)).toBe(
    `Ranked by 1 − surrogate CKA: output error, removed is not measured on 3 of ${RUNS.length} intervals.`,
  );
  expect(standInWords(leastScore(reportOf(RUNS), DEPTH, undefined, 'removed'))).toBeNull();
});

test('only the intervals that are ranked have to be measured', () => {
  expect(usableScore(reportOf(RUNS.slice(0, 2)), RUNS.slice(0, 2), 'removed').standsInFor).toBeNull();
});

test('with measured ablation, the choice of least total takes intervals that were measured, none of them long', () => {
  const chosen = chooseLeastDamage(reportOf(RUNS), DEPTH, 5, 'removed');
  expect(chosen.reduce((sum, { first, last }) => sum + last - first, 0)).toBe(5);
  for (const { first, last } of chosen) expect(last - first).toBeLessThan(LONGEST_ABLATION);
});
