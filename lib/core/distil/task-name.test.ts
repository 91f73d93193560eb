import { expect, test } from 'vitest';
import { DEFAULT_DISTIL } from '../run/settings.ts';
import { taskName } from './task-name.ts';

const { heldOutEvery: _, heldOutSamples: __, checkpointEvery: ___, ...deciding } = DEFAULT_DISTIL;
const settings = JSON.stringify(deciding);
const training = { fingerprint: 'sha256:1', batches: { key: 'synthetic 0' }, settings: DEFAULT_DISTIL };

test('a training is named as in checkpoints of earlier versions', () => {
  expect(taskName({ ...training, subject: '2-3', inPlace: null })).toBe(`sha256:1 2-3, synthetic 0, ${settings}`);
  expect(taskName({ ...training, subject: '4-6', inPlace: 'after 2-3 abc', states: 'def' })).toBe(
    `sha256:1 4-6, after 2-3 abc, synthetic 0, states def, ${settings}`,
  );
});

test('what does not decide the weights does not change the name of a training', () => {
  const name = (change: object) =>
    taskName({ ...training, subject: '2-3', inPlace: null, settings: { ...DEFAULT_DISTIL, ...change } });
  expect(name({ heldOutEvery: 7, heldOutSamples: 5, checkpointEvery: 3 })).toBe(name({}));
  expect(name({ learningRate: 0.5 })).not.toBe(name({}));
});
