import { beforeEach, expect, test, vi } from 'vitest';
import { ffnEdit, runEdit } from '@/lib/core/edit/index.ts';
import type { PageEdit } from './edits.ts';
import {
  measureTiming,
  type TimedChoice,
  timeChangeWords,
  timedOf,
  timesOf,
  timeWords,
  timingOf,
  timingStore,
} from './timing.ts';

const { answers } = vi.hoisted(() => ({ answers: [] as number[] }));
vi.mock('./compute.ts', async (original) => ({
  ...(await original<typeof import('./compute.ts')>()),
  measureQuietly: async () => {
    const prunedMs = answers.shift();
    if (prunedMs === undefined) throw new Error('Asked too often');
    const quartiles = { lower: prunedMs, upper: prunedMs };
    return { wholeMs: 100, prunedMs, wholeQuartilesMs: quartiles, prunedQuartilesMs: quartiles, samples: 2, runs: 15 };
  },
}));

const wasm = { name: 'wasm', device: '2 threads' } as const;
const webgpu = { name: 'webgpu', device: 'a card' } as const;
const short: PageEdit = { ...runEdit({ first: 1, last: 2 }, 'nothing'), by: 'nothing' };
const choice = (edits: readonly PageEdit[], engine: TimedChoice['engine'] = wasm): TimedChoice => ({
  engine,
  model: 'sha256:00',
  edits,
  probes: null,
  inputs: '64 + 13',
});
const measure = (of: TimedChoice) => measureTiming(timingOf(of), of);
const timesIn = (of: TimedChoice) =>
  timesOf(timingStore.getState(), of).map(({ engine, result }) => `${engine.name} ${result.prunedMs}`);

beforeEach(() => {
  timingStore.setState({ results: [], measuring: null, failed: null });
  answers.length = 0;
});

test('times of a choice stay while others are measured, and each is measured once on each engine', async () => {
  answers.push(60, 80, 30);
  await measure(choice([short]));
  await measure(choice([ffnEdit(3, 'image')]));
  await measure(choice([short]));
  await measure(choice([short], webgpu));
  expect(timesIn(choice([short]))).toEqual(['wasm 60', 'webgpu 30']);
  expect(timesIn(choice([ffnEdit(3, 'image')]))).toEqual(['wasm 80']);
  expect(timedOf(timingStore.getState(), timingOf(choice([short], webgpu)))?.prunedMs).toBe(30);
  expect(answers).toEqual([]);
});

test('times at another number of tokens, or of another model, are not of the choice', async () => {
  answers.push(60);
  await measure(choice([short]));
  expect(timesIn({ ...choice([short]), inputs: 'nominal' })).toEqual([]);
  expect(timesIn({ ...choice([short]), model: 'sha256:11' })).toEqual([]);
});

test('a time is told for one sample, whole and pruned', async () => {
  answers.push(60);
  await measure(choice([short]));
  expect(timeWords(timedOf(timingStore.getState(), timingOf(choice([short])))!)).toBe('50.0 → 30.0 ms');
});

test('two plans are compared by their shares of the whole model’s time, whatever else ran while each was measured', () => {
  const timing = (wholeMs: number, prunedMs: number, around = 1) => ({
    ...{ wholeMs, prunedMs, samples: 2, runs: 15 },
    wholeQuartilesMs: { lower: wholeMs - around, upper: wholeMs + around },
    prunedQuartilesMs: { lower: prunedMs - around, upper: prunedMs + around },
  });
  expect(timeChangeWords(timing(100, 80), timing(100, 60))).toBe('−25 %');
  // The same plan at twice the load of the machine.
  expect(timeChangeWords(timing(100, 80), timing(200, 160))).toBe('noise');
  expect(timeChangeWords(timing(100, 80), timing(200, 120))).toBe('−25 %');
  expect(timeChangeWords(timing(100, 80, 15), timing(100, 70, 15))).toBe('noise');
});
