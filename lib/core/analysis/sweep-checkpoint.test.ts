import { expect, it } from 'vitest';
import { ContiguaError } from '../errors.ts';
import { memoryStates } from '../states/index.ts';
import type { FoundOfSurrogates } from './gram-figures.ts';
import { Pace } from './pace.ts';
import { checkpointsBytes, storedCheckpoints } from './sweep-checkpoint.ts';

const [WIDTH, BLOCKS] = [2, 3];
const pace = new Pace();
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
  const checkpoints = storedCheckpoints(store, 'image', BLOCKS, { now: () => at });
  at = 119_000;
  expect(checkpoints.isDue()).toBe(false);
  at = 120_000;
  expect(checkpoints.isDue()).toBe(true);
  const rows = rowsOf(1);
  const slow = async (start: number) => {
    at += 20_000;
    return await rows.surrogate(start);
  };
  await checkpoints.put(soFar(0), { ...rows, surrogate: slow }, WIDTH, pace);
  at += 399_000;
  expect(checkpoints.isDue()).toBe(false);
  at += 1000;
  expect(checkpoints.isDue()).toBe(true);
});

it('holds the last one alone, and an earlier one until the next is whole', async () => {
  const store = memoryStates();
  const checkpoints = storedCheckpoints(store, 'image', BLOCKS);
  expect(await checkpoints.get()).toBeNull();
  await checkpoints.put(soFar(1), rowsOf(1), WIDTH, pace);
  const one = store.usage.memoryBytes;
  const broken = {
    ...rowsOf(2),
    fitted: async () => {
      throw new TypeError('gone');
    },
  };
  await expect(checkpoints.put(soFar(2), broken, WIDTH, pace)).rejects.toThrow('gone');
  const first = await storedCheckpoints(store, 'image', BLOCKS).get();
  expect(first?.block).toBe(1);
  expect(await first?.surrogate(1)).toEqual(Float32Array.of(1, 1));
  expect(await first?.fitted(0)).toEqual(Float32Array.of(1, -1, 1, 0));

  await checkpoints.put(soFar(2), rowsOf(3), WIDTH, pace);
  expect(store.usage.memoryBytes).toBeGreaterThan(one);
  expect(store.usage.memoryBytes).toBeLessThan(2 * one);
  expect(await (await checkpoints.get())?.surrogate(0)).toEqual(Float32Array.of(3, 0));
  // Of another stream there is none.
  expect(await storedCheckpoints(store, 'text', BLOCKS).get()).toBeNull();
  await checkpoints.clear();
  expect(store.usage.memoryBytes).toBe(0);
});

it('keeps resamples that do not exist, and those that do to the bit', async () => {
  const store = memoryStates();
  const checkpoints = storedCheckpoints(store, 'image', BLOCKS);
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
  await checkpoints.put({ ...soFar(0), heldOut: { totals: [], resampled } }, rowsOf(1), WIDTH, pace);
  const found = await checkpoints.get();
  expect(found?.heldOut).toEqual({ totals: [], resampled });
  expect(found?.all).toEqual(nothing);
});

it('goes back to the one before where the newest is damaged, and to none where both are', async () => {
  const store = memoryStates();
  const checkpoints = storedCheckpoints(store, 'image', BLOCKS);
  await checkpoints.put(soFar(0), rowsOf(1), WIDTH, pace);
  const kept = new Map(
    await Promise.all(
      ['surrogate-0', 'fitted-0', 'found'].map(async (what) => {
        const key = `sweep/image-0-${what}`;
        return [key, { values: await store.read(key), shape: await store.shape(key) }] as const;
      }),
    ),
  );
  await checkpoints.put(soFar(1), rowsOf(2), WIDTH, pace);
  // As if the process had ended before the first was removed.
  for (const [key, { values, shape }] of kept) {
    await store.create(key, shape!.rows, shape!.width);
    await store.write(key, 0, values);
    await store.seal(key);
  }
  expect((await checkpoints.get())?.block).toBe(1);
  await store.remove('sweep/image-1-surrogate-1');
  expect((await checkpoints.get())?.block).toBe(0);
  await store.remove('sweep/image-0-fitted-0');
  expect(await checkpoints.get()).toBeNull();
});

it('makes room for what needs it more, once', async () => {
  const store = memoryStates();
  const checkpoints = storedCheckpoints(store, 'image', BLOCKS, { now: () => 0, everyMs: 0 });
  await checkpoints.put(soFar(0), rowsOf(1), WIDTH, pace);
  const full = new ContiguaError('disk-full', 'full');
  let tries = 0;
  const found = await checkpoints.before(async () => {
    tries += 1;
    if (tries === 1) throw full;
    return store.usage.memoryBytes;
  });
  expect(found).toBe(0);
  expect(checkpoints.isDue()).toBe(false);
  const again = checkpoints.before(async () => {
    throw full;
  });
  await expect(again).rejects.toBe(full);
});

it('counts their room where a sweep takes half a minute or more', () => {
  expect(checkpointsBytes(29, 100)).toBe(0);
  expect(checkpointsBytes(31, 100)).toBe(200);
});
