import { describe, expect, it } from 'vitest';
import { ffnEdit, modulationEdit, textStreamEdit } from '@/lib/core/edit/index.ts';
import { jobView } from './run-fixtures.ts';
import {
  isPausing,
  jobName,
  jobRemainingMs,
  jobShare,
  jobTitle,
  othersWords,
  runRemaining,
  runShare,
  smoothed,
  stateWord,
  waitsWords,
} from './run-progress.ts';

describe('progress of a run', () => {
  it('counts a finished job whole, whatever step it reports', () => {
    expect(jobShare(jobView('3-4', { state: 'done', step: 0 }))).toBe(1);
    expect(jobShare(jobView('3-4', { step: 25, steps: 100 }))).toBe(0.25);
    expect(runShare([jobView('3-4', { state: 'done' }), jobView('7-8', { step: 50 })])).toBe(0.75);
    expect(runShare([])).toBe(0);
  });

  it('says nothing about the time of what does not run or has no pace yet', () => {
    expect(jobRemainingMs(jobView('3-4', { state: 'queued', stepsPerSecond: 5 }))).toBeNull();
    expect(jobRemainingMs(jobView('3-4', { state: 'running', stepsPerSecond: null }))).toBeNull();
    expect(jobRemainingMs(jobView('3-4', { state: 'running', step: 50, stepsPerSecond: 5 }))).toBe(10_000);
    expect(runRemaining([jobView('3-4')])).toBeNull();
  });

  it('spreads the open steps over the jobs that run, and names the fine-tune it can not foresee', () => {
    const jobs = [
      jobView('3-4', { state: 'running', step: 50, stepsPerSecond: 5 }),
      jobView('7-8', { state: 'running', step: 50, stepsPerSecond: 5 }),
      jobView('9-10'),
      jobView('fine-tune'),
    ];
    expect(runRemaining(jobs)).toEqual({ ms: 20_000, withoutFineTune: true });
  });

  it('never promises less than the slowest running job needs', () => {
    const jobs = [
      jobView('3-4', { state: 'running', step: 0, stepsPerSecond: 1 }),
      jobView('7-8', { state: 'running', step: 90, stepsPerSecond: 99 }),
    ];
    expect(runRemaining(jobs)?.ms).toBe(100_000);
  });
});

describe('a pause', () => {
  const storing = jobView('3-4', { state: 'running', pausing: true });

  it('shows as pausing while a running job stores its checkpoint, and as paused after it', () => {
    expect(stateWord(storing.state, storing.pausing)).toBe('Pausing');
    expect(stateWord('running')).toBe('Running');
    expect(stateWord('paused', true)).toBe('Paused');
  });

  it('is a run’s once nothing runs that was not asked to pause', () => {
    expect(isPausing([storing, jobView('7-8', { state: 'paused' })])).toBe(true);
    expect(isPausing([storing, jobView('7-8', { state: 'running' })])).toBe(false);
    expect(isPausing([jobView('7-8', { state: 'paused' })])).toBe(false);
  });
});

describe('a retry', () => {
  const done = { state: 'done' } as const;
  const student = jobView('2-3', done);
  const inside = jobView('f2-image', { kind: 'maps', narrow: [ffnEdit(2, 'image')], ...done });
  const group = jobView('t6-8', { kind: 'maps', narrow: [textStreamEdit({ first: 6, last: 8 })], ...done });
  const later = jobView('10-12', done);

  it('names what was trained with the job in place, which begins again', () => {
    const jobs = [student, later, inside, group];
    expect(othersWords(student, jobs)).toBe(
      'Feed-forward 2, image and Text group 6 to 8 rest on it, and begin again too.',
    );
    expect(othersWords(inside, jobs)).toBe('Text group 6 to 8 rests on it, and begins again too.');
    expect(othersWords(group, jobs)).toBe('The other jobs are not touched.');
    expect(othersWords(later, jobs)).toBe('The other jobs are not touched.');
    expect(othersWords(later, [...jobs, jobView('fine-tune', done)])).toMatch(/^Joint fine-tune rests on it/);
  });

  it('leaves out what waits for its first attempt', () => {
    const waiting = jobView('t6-8', { ...group, state: 'queued', attempt: 0 });
    expect(othersWords(student, [student, waiting])).toBe('The other jobs are not touched.');
  });
});

describe('a queued job', () => {
  const queued = { state: 'queued', attempt: 0 } as const;
  const student = jobView('2-3', { state: 'running' });
  const inside = jobView('f2-image', { kind: 'maps', narrow: [ffnEdit(2, 'image')], ...queued });
  const rank = jobView('modulations', { kind: 'modulations', narrow: [modulationEdit({ rank: 8 })], ...queued });
  const jobs = [student, inside, rank, jobView('fine-tune', queued)];

  it('waits for what it rests on until that is done, and for a worker then', () => {
    expect(waitsWords(inside, jobs)).toBe('Waits for Interval 2 to 3');
    expect(waitsWords(rank, jobs)).toBe('Waits for 2 jobs that it rests on');
    expect(waitsWords(jobs[3]!, jobs)).toBe('Waits for 3 jobs that it rests on');
    expect(waitsWords(inside, [{ ...student, state: 'done' }, inside])).toBe('Waits for a worker');
    expect(waitsWords(jobView('7-8', queued), jobs)).toBe('Waits for a worker');
  });

  it('of modulations has a short name for rows and a long one', () => {
    expect([jobName(rank), jobTitle(rank)]).toEqual(['Rank 8', 'Modulation, rank 8']);
  });
});

describe('smoothing', () => {
  it('leaves a level curve level from its first step on', () => {
    for (const value of smoothed([0.2, 0.2, 0.2], 10)) expect(value).toBeCloseTo(0.2, 12);
  });
  it('averages logarithms: up and down by one factor cancel out', () => {
    const values = Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? 0.01 : 1));
    expect(smoothed(values, 50).at(-1)).toBeCloseTo(0.1, 2);
  });
  it('passes over gaps and zeros', () => {
    expect(smoothed([null, 0, 1, null], 5)).toEqual([null, null, 1, 1]);
  });
});
