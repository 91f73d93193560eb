import { describe, expect, it } from 'vitest';
import { type JobView, type RunEvent, type StepPoint, type SubsetView, subsetKey } from '@/lib/core/run/index.ts';
import { type FollowedRun, foldEvent, followedFrom, withCurve } from './run-events.ts';
import { jobView, runView } from './run-fixtures.ts';

const point = (step: number, image = 1 / step): StepPoint => ({
  step,
  losses: { image },
  gradientNorm: 1,
  learningRate: 1e-3,
  durationMs: 10,
});
const steps = (key: string, ...numbers: number[]): RunEvent => ({
  type: 'steps',
  key,
  points: numbers.map((n) => point(n)),
});
const subset = (plugged: string[], outputError: number): SubsetView => ({
  plugged,
  fineTuned: false,
  parameters: 1,
  blocks: 1,
  facts: null,
  outputError,
  wholeMs: 2,
  subsetMs: 1,
  pictures: [],
});

const start = (job: Partial<JobView> = {}): FollowedRun =>
  followedFrom(runView({ jobs: [jobView('3-4', job), jobView('7-10')], lastEventId: 10 }));
const fold = (run: FollowedRun, ...events: RunEvent[]): FollowedRun =>
  events.reduce((now, event) => foldEvent(now, now.view.lastEventId + 1, event), run);
const stepsOf = (run: FollowedRun, key: string) => run.curves[key]?.map(({ step }) => step);

describe('following a run', () => {
  it('changes nothing for an event that the view already includes or that came before', () => {
    const run = start();
    expect(foldEvent(run, 10, { type: 'run', state: 'failed' })).toBe(run);
    const once = foldEvent(run, 11, { type: 'run', state: 'paused' });
    expect(foldEvent(once, 11, { type: 'run', state: 'failed' })).toBe(once);
    expect([once.view.state, once.view.lastEventId]).toEqual(['paused', 11]);
  });

  it('collects steps and moves the running job on', () => {
    const run = fold(start({ state: 'running' }), steps('3-4', 1, 2), steps('3-4', 3));
    expect(stepsOf(run, '3-4')).toEqual([1, 2, 3]);
    expect(run.view.jobs[0]?.step).toBe(3);
  });

  it('leaves jobs that an event is not about as they were, so that they are not drawn anew', () => {
    const before = start({ state: 'running' });
    const after = fold(before, steps('3-4', 1));
    expect(after.view.jobs[1]).toBe(before.view.jobs[1]);
    expect(after.view.subsets).toBe(before.view.subsets);
  });

  it('keeps the place of every job, whichever of them is told last', () => {
    const keys = ['3-4', 'f2-image', 'f2-text', 'fine-tune'];
    const narrow = keys.map((key) => (key === '3-4' ? jobView(key) : { ...jobView('3-4'), key, edit: null }));
    const run = followedFrom(runView({ jobs: narrow, lastEventId: 10 }));
    const told = fold(
      run,
      ...['fine-tune', 'f2-image', 'f2-text'].map((key): RunEvent => {
        return { type: 'job', job: { ...run.view.jobs.find((job) => job.key === key)!, state: 'done' } };
      }),
    );
    expect(told.view.jobs.map((job) => job.key)).toEqual(keys);
    expect(told.view.jobs.slice(1).map(({ state }) => state)).toEqual(['done', 'done', 'done']);
  });

  it('takes repeated steps as the ones that count', () => {
    const again: RunEvent = { type: 'steps', key: '3-4', points: [point(2, 7), point(3, 7)] };
    const run = fold(start(), steps('3-4', 1, 2, 3, 4), again);
    expect(run.curves['3-4']?.map(({ losses }) => losses.image)).toEqual([1, 7, 7]);
  });

  it('forgets the steps after the checkpoint from which a job is begun again', () => {
    const begun = fold(start({ attempt: 1 }), steps('3-4', 1, 2, 3, 4));
    const from2 = fold(begun, { type: 'job', job: jobView('3-4', { attempt: 2, step: 2 }) });
    expect(stepsOf(from2, '3-4')).toEqual([1, 2]);
    const afresh = fold(begun, { type: 'job', job: jobView('3-4', { attempt: 2, step: 0 }) });
    expect(stepsOf(afresh, '3-4')).toEqual([]);
    const goesOn = fold(begun, { type: 'job', job: jobView('3-4', { attempt: 1, step: 2 }) });
    expect(stepsOf(goesOn, '3-4')).toEqual([1, 2, 3, 4]);
  });

  it('puts an added interval where it lies in depth and the fine-tune last', () => {
    const run = fold(
      start(),
      { type: 'job', job: jobView('fine-tune') },
      { type: 'job', job: jobView('5-6') },
      { type: 'job', job: jobView('12-13') },
    );
    expect(run.view.jobs.map(({ key }) => key)).toEqual(['3-4', '5-6', '7-10', '12-13', 'fine-tune']);
  });

  it('shows how far a measurement is until its result comes, and keeps one result per subset', () => {
    const measuring = fold(start(), { type: 'measuring', plugged: ['3-4'], done: 12, total: 40 });
    expect(measuring.measuring).toEqual({ '3-4': { done: 12, total: 40, error: null } });
    const run = fold(
      measuring,
      { type: 'subset', subset: subset(['3-4'], 0.2) },
      { type: 'subset', subset: subset([], 0) },
      { type: 'subset', subset: subset(['3-4'], 0.1) },
    );
    expect(run.measuring).toEqual({});
    const failed = fold(run, { type: 'measuring', plugged: ['3-4'], fineTuned: true, done: 3, total: 40, error: 'No' });
    expect(failed.measuring).toEqual({ 'fine-tuned:3-4': { done: 3, total: 40, error: 'No' } });
    expect(run.view.subsets.map(({ outputError }) => outputError)).toEqual([0, 0.1]);
  });

  it('forgets what was measured with a student that is trained again', () => {
    const measured = fold(
      start({ state: 'done', attempt: 1 }),
      { type: 'subset', subset: subset(['3-4'], 0.1) },
      { type: 'subset', subset: subset(['7-10'], 0.2) },
      { type: 'subset', subset: { ...subset(['3-4', '7-10'], 0.3), fineTuned: true } },
    );
    const again = fold(measured, { type: 'job', job: jobView('3-4', { attempt: 2, step: 0 }) });
    expect(again.view.subsets.map(({ plugged }) => plugged)).toEqual([['7-10']]);
  });

  it('tells the fine-tuned model from the same students as they were trained', () => {
    const plain = subset(['3-4', '7-10'], 0.1);
    expect(subsetKey(plain)).toBe('3-4+7-10');
    expect(subsetKey({ ...plain, fineTuned: true })).toBe('fine-tuned:3-4+7-10');
  });

  it('keeps the steps that came while the stored ones were being read', () => {
    const run = withCurve(
      fold(start(), steps('3-4', 5, 6)),
      '3-4',
      [1, 2, 3, 4, 5].map((n) => point(n, 9)),
    );
    expect(run.curves['3-4']?.map(({ step, losses }) => [step, losses.image])).toEqual([
      [1, 9],
      [2, 9],
      [3, 9],
      [4, 9],
      [5, 9],
      [6, 1 / 6],
    ]);
  });
});
