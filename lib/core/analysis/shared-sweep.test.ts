import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import type { AffineMap } from '../model/route.ts';
import { seededRandom } from '../random.ts';
import { memoryStates } from '../states/index.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { type SweepRows, sweepGrams } from './gram-sweep.ts';
import { cellRows, cellsOf } from './held-out-cells.ts';
import { Pace } from './pace.ts';
import { pickRows } from './pick-rows.ts';
import { asAffineMap, fitProbe } from './probe.ts';
import { type SharedRows, type SharedSweepOf, sweepShared } from './shared-sweep.ts';
import { storedCheckpoints } from './sweep-checkpoint.ts';
import { weightingsOf } from './weightings.ts';

const [BLOCKS, WIDTH, ROWS] = [6, 96, 80];
const pace = new Pace();
const isFitted = Array.from({ length: ROWS }, (_, row) => row % 10 > 1);
const fitted = Uint32Array.from([...isFitted.keys()].filter((row) => isFitted[row]));
const heldOut = Uint32Array.from([...isFitted.keys()].filter((row) => !isFitted[row]));
const cells = cellsOf([0, 1, 2, 3], (sample) => ({ group: sample >> 1, band: sample & 1 }));
const resampling = {
  cells: cellRows(
    cells,
    Uint32Array.from(heldOut, (_, at) => at % 4),
  ),
  weightings: weightingsOf(cells, 2, { resamples: 20, seed: 3 }),
};
const of: SharedSweepOf = { blocks: BLOCKS, width: WIDTH, updated: Array(BLOCKS).fill(true), isFitted, resampling };

function normals(length: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length }, () => random.normal());
}

/**
 * States of a residual stream whose columns differ, one of them massive; held-out rows lie apart from the others. With `twins`,
 * every second fitted row enters the first block as the one before it.
 */
function statesOf({ twins = false } = {}): Float32Array[] {
  const scale = (j: number) => (j === 7 ? 300 : 2 ** (-j / 16));
  const apart = normals(WIDTH, 9);
  const first = normals(ROWS * WIDTH, 1).map((value, at) => {
    const [row, j] = [Math.floor(at / WIDTH), at % WIDTH];
    return scale(j) * (value + (isFitted[row] ? 0 : apart[j]!));
  });
  if (twins) {
    for (let i = 1; i < fitted.length; i += 2) {
      const [to, from] = [fitted[i]! * WIDTH, fitted[i - 1]! * WIDTH];
      first.copyWithin(to, from, from + WIDTH);
    }
  }
  const states = [first];
  for (let i = 1; i <= BLOCKS; i++) {
    const update = normals(ROWS * WIDTH, 1 + i);
    states.push(states[i - 1]!.map((value, at) => value + 0.4 * scale(at % WIDTH) * update[at]!));
  }
  return states;
}

async function fittedProbes(states: readonly Float32Array[], ridge?: number): Promise<(AffineMap | null)[]> {
  const probes: (AffineMap | null)[] = [];
  for (let block = 0; block < BLOCKS; block++) {
    const [input, output] = [states[block]!, states[block + 1]!];
    const probe = await fitProbe({ input, output, width: WIDTH, rows: fitted }, ridge === undefined ? {} : { ridge });
    probes.push(probe && asAffineMap(probe));
  }
  return probes;
}

/** In memory, and how many rows were put. */
function rowsIn(states: readonly Float32Array[], probes: readonly (AffineMap | null)[]) {
  const kept = new Map<string, Float32Array>();
  const put = { surrogate: 0, fitted: 0 };
  const from: SharedRows = {
    state: async (index) => states[index]!,
    probe: async (block) => probes[block]!,
    surrogate: async (start) => kept.get(`${start}`)!,
    async putSurrogate(start, values) {
      put.surrogate += values.length / WIDTH;
      kept.set(`${start}`, values.slice());
    },
    fitted: async (set) => kept.get(`fitted ${set}`)!.slice(),
    async putFitted(set, values) {
      put.fitted += values.length / WIDTH;
      kept.set(`fitted ${set}`, values.slice());
    },
  };
  return { from, put };
}

/** Every row advanced by itself. */
async function apart(states: readonly Float32Array[], probes: readonly (AffineMap | null)[], own = of, most?: number) {
  const sweep = async (rows: Uint32Array, resampled: typeof own.resampling) => {
    const some: SweepRows = {
      ...rowsIn(states, probes).from,
      state: async (index) => pickRows(states[index]!, WIDTH, rows),
    };
    return await sweepGrams({ ...own, rows: rows.length, resampling: resampled }, some, pace, {}, most);
  };
  const all = Uint32Array.from(states[0]!.subarray(0, ROWS), (_, row) => row);
  return { heldOut: await sweep(heldOut, own.resampling), all: await sweep(all, null) };
}

function largestDifference(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return Number.isNaN(a) && Number.isNaN(b) ? 0 : Math.abs(a - b);
  if (a === null || typeof a !== 'object' || b === null || typeof b !== 'object') {
    expect(a).toEqual(b);
    return 0;
  }
  expect(Object.keys(a)).toEqual(Object.keys(b));
  const others = Object.values(b);
  return Math.max(0, ...Object.values(a).map((value, i) => largestDifference(value, others[i])));
}

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'one sweep over held-out and all rows', () => {
  it('has the figures of two sweeps, of one set of fitted rows', async () => {
    const states = statesOf();
    const probes = await fittedProbes(states);
    const before = tf.memory().numTensors;
    const { from, put } = rowsIn(states, probes);
    const told = { states: 0, surrogates: 0 };
    const {
      heldOut: some,
      all,
      sets,
    } = await sweepShared(of, from, pace, {
      onState: () => void told.states++,
      onSurrogate: () => void told.surrogates++,
    });
    expect(tf.memory().numTensors).toBe(before);
    expect(told).toEqual({ states: BLOCKS + 1, surrogates: (BLOCKS * (BLOCKS + 1)) / 2 });
    expect(sets).toBe(1);
    expect(put.fitted).toBe(BLOCKS * fitted.length);
    expect(put.surrogate).toBe(((BLOCKS * (BLOCKS + 1)) / 2) * heldOut.length);

    const expected = await apart(states, probes);
    expect(all.similarity.rows).toBe(ROWS);
    expect(some.similarity.rows).toBe(heldOut.length);
    expect(largestDifference(all, expected.all)).toBeLessThan(1e-6);
    expect(largestDifference(some.similarity, expected.heldOut.similarity)).toBeLessThan(1e-6);
    expect(largestDifference(some.resampled!.bands, expected.heldOut.resampled!.bands)).toBeLessThan(2e-6);
    expect(largestDifference(some.resampled!.bounds, expected.heldOut.resampled!.bounds)).toBeLessThan(2e-6);
  });

  it('advances another set where rows that are equal before a block differ after it', async () => {
    const states = statesOf({ twins: true });
    const probes = await fittedProbes(states);
    const found = await sweepShared(of, rowsIn(states, probes).from, pace);
    expect(found.sets).toBe(2);
    const expected = await apart(states, probes);
    expect(largestDifference(found.all, expected.all)).toBeLessThan(1e-6);
  });

  it('advances a set for each start where probes do not pass through the rows that they were fitted on', async () => {
    const states = statesOf();
    const probes = await fittedProbes(states, 0.1);
    const found = await sweepShared(of, rowsIn(states, probes).from, pace);
    expect(found.sets).toBe(BLOCKS);
    const expected = await apart(states, probes);
    expect(largestDifference(found.all, expected.all)).toBeLessThan(1e-6);
  });

  it('begins another set where a massive column vanishes, as rounding of its size would be left in the others', async () => {
    const states = statesOf();
    for (const state of states.slice(4)) {
      for (let row = 0; row < ROWS; row++) state[row * WIDTH + 7]! *= 1e-4;
    }
    const probes = await fittedProbes(states);
    const found = await sweepShared(of, rowsIn(states, probes).from, pace);
    expect(found.sets).toBe(2);
    const expected = await apart(states, probes);
    expect(largestDifference(found.all, expected.all)).toBeLessThan(1e-6);
    expect(largestDifference(found.heldOut.similarity, expected.heldOut.similarity)).toBeLessThan(1e-6);
  });

  it('compares the same rows in batches', async () => {
    const states = statesOf();
    const probes = await fittedProbes(states);
    const own = { ...of, resampling: null };
    const found = await sweepShared(own, rowsIn(states, probes).from, pace, {}, { mostRows: 40 });
    const expected = await apart(states, probes, own, 40);
    expect(largestDifference(found.all, expected.all)).toBeLessThan(1e-6);
    expect(largestDifference(found.heldOut, expected.heldOut)).toBeLessThan(1e-6);
  });

  it('has no value where a block does not update the stream, or the stream is constant', async () => {
    const states = statesOf();
    states[3] = states[2]!;
    const probes = await fittedProbes(states);
    expect(probes[2]).toBeNull();
    const own = { ...of, updated: of.updated.with(2, false), resampling: null };
    const found = await sweepShared(own, rowsIn(states, probes).from, pace);
    expect(found.sets).toBe(1);
    const expected = await apart(states, probes, own);
    expect(found.all.similarity.cka.debiased[2]!.every((value) => value === null)).toBe(true);
    expect(largestDifference(found.all, expected.all)).toBeLessThan(1e-6);
    const constant = states.map(() => new Float32Array(ROWS * WIDTH).fill(0.3));
    const none = await sweepShared({ ...of, resampling: null }, rowsIn(constant, probes).from, pace);
    expect(none.all.similarity.trajectories.debiased['block-u/teacher-after-k'].flat().every((v) => v === null)).toBe(
      true,
    );
  });

  it.each([
    ['one set of fitted rows', {}, 0],
    ['two sets', { twins: true }, 1],
  ])('goes on after the last checkpoint, with %s, to the same bits', async (_, made, sets) => {
    const states = statesOf(made);
    const probes = await fittedProbes(states);
    const undisturbed = await sweepShared(of, rowsIn(states, probes).from, pace);
    // After the last surrogate of each block the next one begins.
    for (const stopAt of [4, 9, 12, 20]) {
      const store = memoryStates();
      // Each block is followed by a checkpoint.
      const checkpoints = () => storedCheckpoints(store, 'image', BLOCKS, { now: () => 0, everyMs: 0 });
      const [controller, first] = [new AbortController(), rowsIn(states, probes).from];
      let surrogates = 0;
      const stopped = sweepShared(
        of,
        first,
        new Pace(controller.signal),
        { onSurrogate: () => void (++surrogates === stopAt && controller.abort()) },
        { checkpoints: checkpoints() },
      );
      await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
      const before = await checkpoints().get();
      expect(before!.firsts).toHaveLength(before!.block > 0 ? 1 + sets : 1);
      expect(((before!.block + 1) * (before!.block + 2)) / 2).toBeLessThanOrEqual(stopAt);

      const asked: number[] = [];
      const { from } = rowsIn(states, probes);
      const probe = (block: number) => {
        asked.push(block);
        return from.probe(block);
      };
      surrogates = 0;
      const resumed = await sweepShared(
        of,
        { ...from, probe },
        pace,
        { onSurrogate: () => void surrogates++ },
        { checkpoints: checkpoints() },
      );
      expect(asked[0]).toBe(before!.block + 1);
      expect(surrogates).toBe((BLOCKS * (BLOCKS + 1)) / 2);
      expect(resumed).toEqual(undisturbed);
      await checkpoints().clear();
      expect(store.usage.memoryBytes).toBe(0);
    }
  });

  it('goes on without checkpoints where the store has no room for them, and leaves nothing of them', async () => {
    const states = statesOf();
    const probes = await fittedProbes(states);
    const undisturbed = await sweepShared(of, rowsIn(states, probes).from, pace);
    const rowBytes = heldOut.length * WIDTH * 4;
    // Room for none, and for the first two at once.
    for (const room of [2 * rowBytes, 12 * rowBytes]) {
      const store = memoryStates(room);
      const checkpoints = storedCheckpoints(store, 'image', BLOCKS, { now: () => 0, everyMs: 0 });
      expect(await sweepShared(of, rowsIn(states, probes).from, pace, {}, { checkpoints })).toEqual(undisturbed);
      expect(checkpoints.isDue()).toBe(false);
      expect(store.usage.memoryBytes).toBe(0);
      expect(await checkpoints.get()).toBeNull();
    }
  });

  it('leaves no tensors behind when it is stopped', async () => {
    const states = statesOf();
    const probes = await fittedProbes(states);
    const before = tf.memory().numTensors;
    for (const at of ['onState', 'onSurrogate'] as const) {
      const controller = new AbortController();
      const stopped = sweepShared(of, rowsIn(states, probes).from, new Pace(controller.signal), {
        [at]: () => controller.abort(),
      });
      await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
    }
    expect(tf.memory().numTensors).toBe(before);
  });
});
