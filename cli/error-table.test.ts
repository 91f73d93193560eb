import { describe, expect, it } from 'vitest';
import { runEdit } from '../lib/core/edit/index.ts';
import type { JobView, StandInError } from '../lib/core/run/index.ts';
import { exampleView } from '../lib/server/testing.ts';
import { errorTable } from './error-table.ts';

const of = (direction: number) => ({ direction, magnitude: 0, relative: direction / 10 });
const errors = (video: number, audio: number): StandInError => ({ video: of(video), mask: null, audio: of(audio) });

function job(change: Partial<JobView>): JobView {
  return {
    key: '1-3',
    kind: 'student',
    edit: runEdit({ first: 1, last: 3 }, 'student'),
    state: 'done',
    attempt: 1,
    step: 40,
    steps: 40,
    checkpointStep: 0,
    worker: null,
    stepsPerSecond: null,
    baselines: { firstBlock: errors(3, 3), probes: errors(2, 2), removal: errors(4, 4) },
    startBlock: 1,
    heldOut: [{ step: 40, student: errors(1, 2.5) }],
    error: null,
    note: null,
    studentBytes: 1,
    ...change,
  };
}

function tableOf(...jobs: JobView[]): string[] {
  const { plan } = exampleView();
  const streams = ['video', 'mask', 'audio'].map((id) => ({ id, label: id === 'mask' ? 'matte' : id }));
  const table = errorTable({ jobs, subsets: [], plan: { ...plan, model: { ...plan.model, streams } } });
  return table.split('\n').map((line) => line.replace(/ {2,}/g, '  '));
}

describe('the table of held-out errors', () => {
  it('has a row for each stream that the model declares, each judged by itself', () => {
    expect(tableOf(job({})).slice(1)).toEqual([
      'interval  stream  steps  student  first block  probes  removal  relative',
      '1-3  video  40  1.00  3.00  2.00  4.00  0.100  beats all three',
      '1-3  matte  40  n/a  n/a  n/a  n/a  n/a  takes no part',
      '1-3  audio  40  2.50  3.00  2.00  4.00  0.250  DOES NOT BEAT ALL THREE',
      '',
    ]);
  });

  it('says how far a student is that is not there, and leaves the fine-tune out', () => {
    const waiting = job({ state: 'queued', step: 0, heldOut: [], baselines: null });
    const [, , ...rows] = tableOf(waiting, job({ key: 'fine-tune', kind: 'fine-tune', edit: null }));
    expect(rows.filter(Boolean)).toEqual(
      ['video', 'matte', 'audio'].map((label) => `1-3  ${label}  0  n/a  n/a  n/a  n/a  n/a  queued`),
    );
  });
});
