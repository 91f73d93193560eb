import { describe, expect, it } from 'vitest';
import type { SubsetView } from '@/lib/core/run/index.ts';
import { toMeasure } from './measure-subsets.ts';
import { ALL_PLUGGED } from './plugged.ts';
import { followedFrom } from './run-events.ts';
import { jobView, runView } from './run-fixtures.ts';

const done = (key: string) => jobView(key, { state: 'done' });
const measured = (plugged: readonly string[]): SubsetView => ({
  plugged,
  fineTuned: false,
  parameters: 1,
  blocks: 1,
  facts: null,
  outputError: 0,
  wholeMs: 1,
  subsetMs: 1,
  pictures: [],
});

describe('what is still to be measured', () => {
  const jobs = [done('3-4'), done('7-10')];

  it('is the teacher to compare with and the plugged subset', () => {
    const run = followedFrom(runView({ jobs }));
    expect(toMeasure(run, ALL_PLUGGED).map(({ plugged }) => plugged)).toEqual([[], ['3-4', '7-10']]);
    expect(toMeasure(run, { keys: [], fineTuned: false }).map(({ plugged }) => plugged)).toEqual([[]]);
  });

  it('is nothing that has been measured, is being measured or failed', () => {
    const run = followedFrom(runView({ jobs, subsets: [measured([])] }));
    expect(toMeasure(run, ALL_PLUGGED).map(({ plugged }) => plugged)).toEqual([['3-4', '7-10']]);
    const busy = { ...run, measuring: { '3-4+7-10': { done: 1, total: 9, error: null } } };
    expect(toMeasure(busy, ALL_PLUGGED)).toEqual([]);
  });

  it('is nothing before there is a student', () => {
    expect(toMeasure(followedFrom(runView({ jobs: [jobView('3-4')] })), ALL_PLUGGED)).toEqual([]);
  });
});
