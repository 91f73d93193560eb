import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { runEdit } from '../lib/core/edit/index.ts';
import type { JobView } from '../lib/core/run/index.ts';
import { runDisplay } from './run-progress.ts';

const job: JobView = {
  key: '1-3',
  kind: 'student',
  edit: runEdit({ first: 1, last: 3 }, 'student'),
  state: 'running',
  attempt: 1,
  step: 0,
  steps: 10,
  checkpointStep: 0,
  worker: null,
  stepsPerSecond: null,
  baselines: null,
  startBlock: 1,
  heldOut: [],
  error: null,
  note: null,
  studentBytes: null,
};

function display(columns: number | null) {
  let text = '';
  const out = new PassThrough();
  out.on('data', (part) => {
    text += part;
  });
  const stream = Object.assign(out, { isTTY: columns !== null, columns: columns ?? undefined });
  return { ...runDisplay(stream as unknown as NodeJS.WriteStream, [job]), text: () => text };
}
const steps = (losses: Readonly<Record<string, number>>) =>
  ({
    type: 'steps',
    key: '1-3',
    points: [{ step: 1, losses, gradientNorm: 1, learningRate: 1e-3, durationMs: 5 }],
  }) as const;

it('tells the loss that is trained on: the sum over the streams that take part', () => {
  const { show, text } = display(null);
  show(steps({ video: 0.25, audio: 0.5, mask: 1 }));
  expect(text()).toBe('1-3: 1 of 10  loss 1.75\n');
});

it('marks a line that the terminal is too narrow for', () => {
  const { show, text } = display(30);
  show({ type: 'job', job: { ...job, note: 'It was taken over from another worker.' } });
  expect(text()).toBe(`1-3       ${'░'.repeat(18)}…\n`);
});
