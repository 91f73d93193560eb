import { describe, expect, it } from 'vitest';
import {
  ALL_PLUGGED,
  choiceOf,
  presentSubset,
  readPlugged,
  subsetCost,
  subsetWords,
  withStudent,
  writePlugged,
} from './plugged.ts';
import { jobView, runView } from './run-fixtures.ts';

const done = (key: string) => jobView(key, { state: 'done', step: 100 });
const view = runView({ jobs: [done('3-4'), done('7-10'), jobView('12-13', { state: 'running' })] });
const fineTuned = runView({ jobs: [...view.jobs, done('fine-tune')] });

describe('what is plugged in', () => {
  it('is, unless the address says otherwise, every student that has been trained', () => {
    expect(presentSubset(view, ALL_PLUGGED)).toEqual({ plugged: ['3-4', '7-10'], fineTuned: false });
  });

  it('comes back from the address that it was written to', () => {
    for (const choice of [
      ALL_PLUGGED,
      { keys: [], fineTuned: false },
      { keys: ['3-4'], fineTuned: false },
      { keys: ['3-4', '7-10'], fineTuned: false },
      { keys: null, fineTuned: true },
    ]) {
      expect(readPlugged(writePlugged(choice))).toEqual(choice);
    }
    expect(readPlugged('<script>')).toEqual(ALL_PLUGGED);
  });

  it('leaves out what has no student, and the fine-tuned model while there is none', () => {
    expect(presentSubset(view, { keys: ['7-10', '12-13', '1-2'], fineTuned: false }).plugged).toEqual(['7-10']);
    expect(presentSubset(view, { keys: null, fineTuned: true }).fineTuned).toBe(false);
    expect(presentSubset(fineTuned, { keys: null, fineTuned: true }).fineTuned).toBe(true);
  });

  it('takes one student out and in again, back to all', () => {
    const without = withStudent(view, ALL_PLUGGED, '3-4', false);
    expect(without).toEqual({ keys: ['7-10'], fineTuned: false });
    expect(withStudent(view, without, '3-4', true)).toEqual(ALL_PLUGGED);
    expect(withStudent(fineTuned, { keys: null, fineTuned: true }, '7-10', false)).toEqual({
      keys: ['3-4'],
      fineTuned: false,
    });
  });

  it('is found again from a measured subset', () => {
    for (const subset of [
      { plugged: [], fineTuned: false },
      { plugged: ['7-10'], fineTuned: false },
      { plugged: ['3-4', '7-10'], fineTuned: true },
    ]) {
      expect(presentSubset(fineTuned, choiceOf(fineTuned, subset))).toEqual(subset);
    }
  });

  it('costs the teacher less the blocks that plugged intervals stand for', () => {
    const { numBlocks, parameters, costs } = view.model;
    expect(subsetCost(view, { plugged: [], fineTuned: false })).toEqual({
      blocks: numBlocks,
      parameters,
      flopsPerForward: costs.flopsPerForward,
    });
    expect(subsetCost(view, { plugged: ['3-4', '7-10'], fineTuned: false })).toEqual({
      blocks: 12,
      parameters: parameters - 4 * costs.blockParameters[0]!,
      flopsPerForward: 1_000 - 4 * 60,
    });
  });

  it('has a name', () => {
    expect(subsetWords({ plugged: ['3-4', '7-10'], fineTuned: false })).toBe('3–4, 7–10');
    expect(subsetWords({ plugged: [], fineTuned: false })).toBe('the teacher');
  });
});
