import { expect, it } from 'vitest';
import { memoryStates } from '../states/index.ts';
import type { FoundOfSurrogates } from './gram-figures.ts';
import { storedCheckpoints } from './sweep-checkpoint.ts';

const WIDTH = 2;
const nothing: FoundOfSurrogates = { totals: [[null]], resampled: null };
const soFar = (block: number, firsts: readonly number[] = [0]) => ({ block, firsts, heldOut: nothing, all: nothing });
/** Each surrogate and set is told apart by its place and by `of`. */
const rowsOf = (of: number) => ({
  surrogate: async (start: number) => Float32Array.of(of, start),
  fitted: async (set: number) => Float32Array.of(of, -1 - set, of, 0),
});

it('is due after two minutes, and later where it takes long to write', async () => {
  let at = 0;
  const store = memoryStates();
  const checkpoints = storedCheckpoints(store, 'image', { now: () => at });
  at = 119_000;
  expect(checkpoints.isDue()).toBe(false);
  at = 120_000;
  expect(checkpoints.isDue()).toBe(true);
  const rows = rowsOf(1);
  const slow = async (start: number) => {
    at += 20_000;
    return await rows.surrogate(start);
  };
  await checkpoints.put(soFar(0), { ...rows, surrogate: slow }, WIDTH);
  at += 399_000;
  expect(checkpoints.isDue()).toBe(false);
  at += 1000;
  expect(checkpoints.isDue()).toBe(true);
});

it('holds the last one alone, and an earlier one until the next is whole', async () => {
  const store = memoryStates();
  const checkpoints = storedCheckpoints(store, 'image');
  expect(await checkpoints.get()).toBeNull();
  await checkpoints.put(soFar(1), rowsOf(1), WIDTH);
  const one = store.usage.memoryBytes;
  const broken = {
    ...rowsOf(2),
    fitted: async () => {
      throw new TypeError('gone');
    },
  };
  await expect(checkpoints.put(soFar(1), broken, WIDTH)).rejects.toThrow('gone');
  const first = await storedCheckpoints(store, 'image').get();
  expect(first?.block).toBe(1);
  expect(await first?.surrogate(1)).toEqual(Float32Array.of(1, 1));
  expect(await first?.fitted(0)).toEqual(Float32Array.of(1, -1, 1, 0));

  await checkpoints.put(soFar(1), rowsOf(3), WIDTH);
  expect(store.usage.memoryBytes).toBe(one);
  expect(await (await checkpoints.get())?.surrogate(0)).toEqual(Float32Array.of(3, 0));
  // Of another stream there is none.
  expect(await storedCheckpoints(store, 'text').get()).toBeNull();
  await checkpoints.clear(2);
  expect(store.usage.memoryBytes).toBe(0);
});

it('keeps resamples that do not exist, and those that do to the bit', async () => {
  const store = memoryStates();
  const checkpoints = storedCheckpoints(store, 'image');
  const matrix = [
    [0.1 + 0.2, null],
    [null, 1],
  ];
  const perEstimator = <T>(one: T) => ({ debiased: one, biased: one });
  const reading = { bounds: perEstimator({ low: matrix, high: matrix }), bands: [perEstimator(matrix)] };
  const resampled = {
    matrices: {
      'block-u/teacher-after-k': reading,
      'block-u/teacher-after-u': reading,
      'probe-u/teacher-after-k': reading,
      'probe-u/teacher-after-u': reading,
    },
    values: Float64Array.of(1 / 3, Number.NaN, -0),
  };
  await checkpoints.put({ ...soFar(0), heldOut: { totals: [], resampled } }, rowsOf(1), WIDTH);
  const found = await checkpoints.get();
  expect(found?.heldOut).toEqual({ totals: [], resampled });
  expect(found?.all).toEqual(nothing);
});
