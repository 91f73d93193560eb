import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import type { AffineMap, DenseMap, LowRankMap } from '../model/route.ts';
import { seededRandom } from '../random.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { rowBatches } from './gram-batches.ts';
import type { SweepOf } from './gram-figures.ts';
import { type KeptParts, type PartRows, sweepParts } from './gram-parts.ts';
import { type SweepRows, sweepGrams } from './gram-sweep.ts';
import { type CellRows, cellRows, cellsOf, someOfEachCell } from './held-out-cells.ts';
import { Pace } from './pace.ts';
import { pickRows } from './pick-rows.ts';
import { resampleSimilarity } from './resampled-similarity.ts';
import { StreamSimilarity } from './similarity.ts';
import { ESTIMATORS, READINGS } from './similarity-matrices.ts';
import { weightingsOf } from './weightings.ts';

const [BLOCKS, WIDTH, RANK] = [5, 48, 6];
const pace = new Pace();

function normals(length: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length }, () => random.normal());
}

/** States of a residual stream whose columns differ, one of them massive. */
function statesOf(rows: number): Float32Array[] {
  const scale = (j: number) => (j === 7 ? 300 : 2 ** (-j / 8));
  const states = [normals(rows * WIDTH, 1).map((value, at) => scale(at % WIDTH) * value)];
  for (let i = 1; i <= BLOCKS; i++) {
    const update = normals(rows * WIDTH, 1 + i);
    states.push(states[i - 1]!.map((value, at) => value + 0.4 * scale(at % WIDTH) * update[at]!));
  }
  return states;
}

const lowRank: LowRankMap[] = Array.from({ length: BLOCKS }, (_, i) => ({
  left: normals(WIDTH * RANK, 20 + i).map((value) => 0.1 * value),
  right: normals(RANK * WIDTH, 30 + i).map((value) => 0.3 * value),
  bias: normals(WIDTH, 40 + i),
}));

/** The same map, written out. */
function dense({ left, right, bias }: LowRankMap): DenseMap {
  const weight = new Float32Array(WIDTH * WIDTH);
  for (let at = 0; at < weight.length; at++) {
    let sum = 0;
    for (let k = 0; k < RANK; k++) sum += left[Math.floor(at / WIDTH) * RANK + k]! * right[k * WIDTH + (at % WIDTH)]!;
    weight[at] = sum;
  }
  return { weight, bias };
}

/** In memory, and what was asked for. */
function rowsIn(states: readonly Float32Array[], probes: readonly (AffineMap | null)[]) {
  const kept = new Map<number, Float32Array>();
  const asked: string[] = [];
  const rows: SweepRows = {
    async state(index) {
      asked.push(`state ${index}`);
      return states[index]!;
    },
    async probe(block) {
      asked.push(`probe ${block}`);
      return probes[block]!;
    },
    surrogate: async (start) => kept.get(start)!,
    async putSurrogate(start, values) {
      kept.set(start, values.slice());
    },
  };
  return { rows, asked };
}

/** The same for any of the rows, and how many were read each time. */
function partsIn(states: readonly Float32Array[], probes: readonly (AffineMap | null)[]) {
  const read: number[] = [];
  const from: PartRows = {
    ...rowsIn(states, probes).rows,
    async state(index, rows) {
      read.push(rows.length);
      return pickRows(states[index]!, WIDTH, rows);
    },
  };
  return { from, read };
}

/** As a store keeps it: JSON. */
function keptIn(): KeptParts {
  let text = 'null';
  return {
    get: async () => JSON.parse(text),
    async put(done) {
      text = JSON.stringify(done);
    },
  };
}

async function bySimilarity(
  states: readonly Float32Array[],
  rows: number,
  probes: readonly (AffineMap | null)[],
  updated: readonly boolean[],
) {
  const similarity = new StreamSimilarity(states, rows, WIDTH, { form: 'samples', updated });
  const cka = await similarity.compareStates(pace);
  const trajectories = await similarity.followSurrogates(probes, pace);
  similarity.dispose();
  return { rows, cka, trajectories, bounds: null };
}

const allUpdated = Array<boolean>(BLOCKS).fill(true);

function largestDifference(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return Math.abs(a - b);
  if (a === null || typeof a !== 'object' || b === null || typeof b !== 'object') {
    expect(a).toEqual(b);
    return 0;
  }
  expect(Object.keys(a)).toEqual(Object.keys(b));
  const others = Object.values(b);
  return Math.max(0, ...Object.values(a).map((value, i) => largestDifference(value, others[i])));
}

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'similarity from one Gram per state', () => {
  const ROWS = 40;
  const states = statesOf(ROWS);
  const sampleOf = Uint32Array.from({ length: ROWS }, (_, row) => row % 8);
  const cells = cellsOf([0, 1, 2, 3, 4, 5, 6, 7], (sample) => ({ group: sample >> 1, band: sample & 1 }));
  const some: CellRows = cellRows(cells, sampleOf);
  const weightings = weightingsOf(cells, 2, { resamples: 20, seed: 3 });
  const of: SweepOf = {
    blocks: BLOCKS,
    rows: ROWS,
    width: WIDTH,
    updated: allUpdated,
    resampling: { cells: some, weightings },
  };

  it('is what it is with all states at hand, bands and resamples too', async () => {
    const before = tf.memory().numTensors;
    const { rows, asked } = rowsIn(states, lowRank);
    const { similarity, resampled } = await sweepGrams(of, rows, pace);
    expect(tf.memory().numTensors).toBe(before);
    expect(asked.filter((one) => one.startsWith('probe'))).toEqual(lowRank.map((_, i) => `probe ${i}`));
    expect(asked.filter((one) => one.startsWith('state'))).toHaveLength(2 * BLOCKS + 1);

    const expected = await bySimilarity(states, ROWS, lowRank, allUpdated);
    expect(largestDifference(similarity, expected)).toBeLessThan(1e-6);
    const picked = await resampleSimilarity(states, some, WIDTH, weightings, lowRank, expected, pace);
    expect(largestDifference(resampled!.bands, picked.bands)).toBeLessThan(2e-6);
    expect(largestDifference(resampled!.bounds, picked.bounds)).toBeLessThan(2e-6);
    const ends = (of: typeof picked) => of.trajectories.debiased['block-u/teacher-after-k'].filter(Number.isFinite);
    expect(largestDifference([...ends(resampled!)], [...ends(picked)])).toBeLessThan(2e-6);
  });

  it('does not depend on the form of the probes', async () => {
    const whole = { ...of, resampling: null };
    const thin = await sweepGrams(whole, rowsIn(states, lowRank).rows, pace);
    const full = await sweepGrams(whole, rowsIn(states, lowRank.map(dense)).rows, pace);
    expect(largestDifference(thin.similarity, full.similarity)).toBeLessThan(1e-5);
    for (const form of ['features', 'samples'] as const) {
      const found = [];
      for (const probes of [lowRank, lowRank.map(dense)]) {
        const similarity = new StreamSimilarity(states, ROWS, WIDTH, { form });
        await similarity.compareStates(pace);
        found.push(await similarity.followSurrogates(probes, pace));
        similarity.dispose();
      }
      expect(largestDifference(found[0], found[1])).toBeLessThan(1e-5);
    }
  });

  it('has no value where a block does not update the stream, or the stream is constant', async () => {
    const updated = allUpdated.with(2, false);
    const same = states.with(3, states[2]!);
    const probes = [...lowRank].map((probe, i) => (i === 2 ? null : probe));
    const { similarity } = await sweepGrams({ ...of, updated, resampling: null }, rowsIn(same, probes).rows, pace);
    expect(largestDifference(similarity, await bySimilarity(same, ROWS, probes, updated))).toBeLessThan(1e-6);
    expect(similarity.cka.debiased[2]!.every((value) => value === null)).toBe(true);
    const constant = states.map(() => new Float32Array(ROWS * WIDTH).fill(0.3));
    const none = await sweepGrams(of, rowsIn(constant, lowRank).rows, pace);
    for (const estimator of ESTIMATORS) {
      const { cka, trajectories } = none.similarity;
      const all = [cka[estimator], ...READINGS.map((reading) => trajectories[estimator][reading])];
      expect(all.flat(2).every((value) => value === null)).toBe(true);
    }
  });

  it.each([1, 2, 3])('has no debiased value of %i rows', async (rows) => {
    const few = { ...of, rows, resampling: null };
    const picked = states.map((state) => pickRows(state, WIDTH, Uint32Array.from(Array(rows).keys())));
    const { similarity } = await sweepGrams(few, rowsIn(picked, lowRank).rows, pace);
    expect(similarity.cka.debiased.flat().every((value) => value === null)).toBe(true);
    expect(largestDifference(similarity, await bySimilarity(picked, rows, lowRank, allUpdated))).toBeLessThan(1e-6);
  });

  it('leaves no tensors behind when it is stopped', async () => {
    const before = tf.memory().numTensors;
    for (const at of ['onState', 'onSurrogate'] as const) {
      const controller = new AbortController();
      const stopped = sweepGrams(of, rowsIn(states, lowRank).rows, new Pace(controller.signal), {
        [at]: () => controller.abort(),
      });
      await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  it('is close in batches, and debiased without a bias of their size', async () => {
    const rows = 600;
    const many = statesOf(rows);
    const whole = { ...of, rows, resampling: null };
    const full = await bySimilarity(many, rows, lowRank, allUpdated);
    const { similarity } = await sweepGrams(whole, rowsIn(many, lowRank).rows, pace, {}, 400);
    expect(rowBatches(rows, 400)).toHaveLength(3);
    const { debiased } = similarity.trajectories;
    expect(largestDifference(similarity.cka.debiased, full.cka.debiased)).toBeLessThan(0.01);
    expect(largestDifference(debiased, full.trajectories.debiased)).toBeLessThan(0.01);
    expect(largestDifference(debiased, full.trajectories.debiased)).toBeGreaterThan(0);
  });

  it('of more rows than features is close in parts, of which no more is read at once', async () => {
    const rows = 1200;
    const many = statesOf(rows);
    const updated = allUpdated.with(2, false);
    const probes = lowRank.map((probe, i) => (i === 2 ? null : probe));
    const whole = { ...of, rows, updated, resampling: null };
    const full = await bySimilarity(many, rows, probes, updated);
    const before = tf.memory().numTensors;
    const { from, read } = partsIn(many, probes);
    const { similarity } = await sweepParts(whole, from, pace, {}, keptIn(), { partRows: 300, batchRows: 200 });
    expect(tf.memory().numTensors).toBe(before);
    expect(Math.max(...read)).toBe(300);
    expect(similarity.rows).toBe(rows);
    expect(largestDifference(similarity.cka.debiased, full.cka.debiased)).toBeLessThan(0.01);
    const { debiased } = similarity.trajectories;
    expect(largestDifference(debiased, full.trajectories.debiased)).toBeLessThan(0.01);
    expect(similarity.cka.debiased[2]!.every((value) => value === null)).toBe(true);
  });

  it('in one part is what it is without parts, bands and resamples too', async () => {
    const expected = await sweepGrams(of, rowsIn(states, lowRank).rows, pace);
    const found = await sweepParts(of, partsIn(states, lowRank).from, pace, {}, keptIn());
    expect(found).toEqual(expected);
  });

  it('shifts resamples of some rows to the figures of all parts', async () => {
    const rows = 600;
    const many = statesOf(rows);
    const cellsOfMany = cellRows(
      cells,
      Uint32Array.from({ length: rows }, (_, row) => row % 8),
    );
    const picked = someOfEachCell(cellsOfMany, 12, seededRandom(2));
    const whole = { ...of, rows, resampling: { cells: picked, weightings } };
    const from = () => partsIn(many, lowRank).from;
    const { similarity, resampled } = await sweepParts(whole, from(), pace, {}, keptIn(), { partRows: 200 });
    const expected = await resampleSimilarity(many, picked, WIDTH, weightings, lowRank, similarity, pace);
    expect(largestDifference(resampled!.bounds, expected.bounds)).toBeLessThan(2e-6);
    expect(largestDifference(resampled!.bands, expected.bands)).toBeLessThan(2e-6);
  });

  it('goes on after the last finished part, to the same figures', async () => {
    const rows = 600;
    const many = statesOf(rows);
    const whole = { ...of, rows, resampling: null };
    const sizes = { partRows: 150 };
    const expected = await sweepParts(whole, partsIn(many, lowRank).from, pace, {}, keptIn(), sizes);
    const kept = keptIn();
    const controller = new AbortController();
    let states = 0;
    const onState = () => {
      states += 1;
      if (states === 3 * (BLOCKS + 1)) controller.abort();
    };
    const stopping = new Pace(controller.signal);
    const stopped = sweepParts(whole, partsIn(many, lowRank).from, stopping, { onState }, kept, sizes);
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
    const { from, read } = partsIn(many, lowRank);
    const told = { states: 0, along: 0 };
    const progress = { onState: () => void told.states++, onSurrogate: () => void told.along++ };
    expect(await sweepParts(whole, from, pace, progress, kept, sizes)).toEqual(expected);
    expect(read).toHaveLength(2 * (2 * BLOCKS + 1));
    expect(told).toEqual({ states: 4 * (BLOCKS + 1), along: 2 * BLOCKS * (BLOCKS + 1) });
  });
});

describe('batches of rows', () => {
  it('are one of all rows as long as they fit, else random parts of about equal size', () => {
    expect(rowBatches(10, 10)).toEqual([Uint32Array.from(Array(10).keys())]);
    const batches = rowBatches(1001, 1000);
    expect(batches.map(({ length }) => length)).toEqual([334, 334, 333]);
    expect(batches.flatMap((of) => [...of]).sort((a, b) => a - b)).toEqual([...Array(1001).keys()]);
    expect(rowBatches(1001, 1000)).toEqual(batches);
    expect(Math.max(...batches[0]!)).toBeGreaterThan(900);
  });
});
