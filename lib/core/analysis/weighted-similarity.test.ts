import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AffineMap } from '../model/route.ts';
import { seededRandom } from '../random.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { cellFeatureKernels } from './cell-feature-kernels.ts';
import { CentredStates } from './centred-states.ts';
import { cellRows, cellsOf } from './held-out-cells.ts';
import { Pace } from './pace.ts';
import { type KernelForm, StreamSimilarity } from './similarity.ts';
import { ESTIMATORS, READINGS, WeightedStreamSimilarity } from './weighted-similarity.ts';
import { weightingsOf } from './weightings.ts';

const FORMS: KernelForm[] = ['features', 'samples'];
const [SAMPLES, WIDTH, BLOCKS] = [8, 5, 4];
const pace = new Pace();
/** Samples of one to eight tokens; every second one is held out, its group by twos, its band by fours. */
const sampleOf = Uint32Array.from(
  Array.from({ length: 2 * SAMPLES }, (_, sample) => Array<number>(1 + (sample % 8)).fill(sample)).flat(),
);
const heldOut = Array.from({ length: SAMPLES }, (_, i) => 2 * i);
const cells = cellsOf(heldOut, (sample) => ({ group: 100 + Math.floor(sample / 4), band: sample % 4 === 0 ? 1 : 0 }));
const rows = cellRows(cells, sampleOf);

function normals(length: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length }, () => random.normal());
}

const states = Array.from({ length: BLOCKS + 1 }, (_, i) => normals(sampleOf.length * WIDTH, 40 + i));
for (let i = 1; i <= BLOCKS; i++) states[i] = states[i]!.map((value, at) => 0.5 * value + states[i - 1]![at]!);
const probes: AffineMap[] = Array.from({ length: BLOCKS }, (_, i) => ({
  weight: normals(WIDTH * WIDTH, 20 + i).map((value) => 0.3 * value),
  bias: normals(WIDTH, 30 + i),
}));

async function compare(form: KernelForm, resamples: number, seed = 3, of = states) {
  const weightings = weightingsOf(cells, 2, { resamples, seed });
  const similarity = new WeightedStreamSimilarity(of, rows, WIDTH, weightings, { form });
  try {
    const cka = await similarity.compareStates(pace);
    return { ...similarity.comparison(cka, await similarity.followSurrogates(probes, pace)), weightings };
  } finally {
    similarity.dispose();
  }
}

/** The analysis of plain rows, over the named ones alone. */
async function plain(picked: readonly number[]) {
  const of = states.map((state) =>
    Float32Array.from(picked.flatMap((row) => [...state.subarray(row * WIDTH, (row + 1) * WIDTH)])),
  );
  const similarity = new StreamSimilarity(of, picked.length, WIDTH);
  const cka = await similarity.compareStates(pace);
  const trajectories = await similarity.followSurrogates(probes, pace);
  similarity.dispose();
  return { cka, trajectories };
}

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'similarity over cells of held-out rows', () => {
  let tensors = 0;
  beforeEach(() => {
    tensors = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors).toBe(tensors);
  });

  it.each(FORMS)('from %s is that of the same rows alone, for all and for each noise band', async (form) => {
    const { whole, bands } = await compare(form, 0);
    expect(whole.bounds).toBeNull();
    const ofBand = (band: number) => [...rows.rows].filter((_, i) => cells.bandOf[rows.cellOf[i]!] === band);
    const parts = [
      { found: whole, picked: [...rows.rows] },
      { found: bands[0]!, picked: ofBand(0) },
      { found: bands[1]!, picked: ofBand(1) },
    ];
    for (const { found, picked } of parts) {
      const expected = await plain(picked);
      expect(found.rows).toBe(picked.length);
      for (const estimator of ESTIMATORS) {
        const pairs = [
          [found.cka[estimator], expected.cka[estimator]] as const,
          ...READINGS.map(
            (reading) => [found.trajectories[estimator][reading], expected.trajectories[estimator][reading]] as const,
          ),
        ];
        for (const [a, b] of pairs) {
          for (const [u, row] of b.entries()) {
            for (const [k, value] of row.entries()) {
              if (value === null) expect(a[u]![k]).toBeNull();
              else expect(Math.abs(a[u]![k]! - value), `${estimator} ${u},${k}`).toBeLessThan(2e-5);
            }
          }
        }
      }
    }
  });

  it('has bounds from resamples of the groups, the same in both forms', async () => {
    const [features, samples] = [await compare('features', 40), await compare('samples', 40)];
    const reading = 'block-u/teacher-after-k';
    const bounds = features.whole.bounds!;
    for (const estimator of ESTIMATORS) {
      const { low, high } = bounds.trajectories[estimator][reading];
      const other = samples.whole.bounds!.trajectories[estimator][reading];
      for (let u = 0; u < BLOCKS; u++) {
        expect([low[u]![u], high[u]![u]]).toEqual([1, 1]);
        for (let k = u + 1; k < BLOCKS; k++) {
          expect(low[u]![k]!).toBeLessThan(high[u]![k]!);
          expect(Math.abs(low[u]![k]! - other.low[u]![k]!)).toBeLessThan(1e-4);
          expect(Math.abs(high[u]![k]! - other.high[u]![k]!)).toBeLessThan(1e-4);
        }
      }
      expect(features.resampled[estimator][reading]).toHaveLength(BLOCKS * BLOCKS * 40);
    }
  });

  it('takes each resample as if its cells had been the data', async () => {
    const { resampled, weightings } = await compare('features', 12);
    const column = 3 + 5;
    const drawn = [...rows.rows].flatMap((row, i) => {
      const cell = rows.cellOf[i]!;
      return Array<number>(weightings.values[cell * weightings.columns + column]!).fill(row);
    });
    expect(new Set(drawn).size).toBeLessThan(rows.rows.length);
    const expected = await plain(drawn);
    const found = resampled.biased['block-u/teacher-after-k'];
    expect(found[(0 * BLOCKS + 3) * 12 + 5]).toBeCloseTo(
      expected.trajectories.biased['block-u/teacher-after-k'][0]![3]!,
      5,
    );
  });

  it('has no value for a block that does not update the stream, nor for a constant stream', async () => {
    const constant = await compare(
      'features',
      5,
      3,
      states.map((state) => state.map(() => 0.3)),
    );
    expect(constant.whole.cka.biased.flat().every((value) => value === null)).toBe(true);
    expect(constant.resampled.debiased['block-u/teacher-after-k'].every(Number.isNaN)).toBe(true);
    expect(constant.whole.bounds!.cka.biased.low.flat().every((value) => value === null)).toBe(true);
  });
});

describePerEngine(['wasm'], 'kernels per cell', () => {
  it('are the same in tiles, and when nothing may be kept on the engine', async () => {
    const picked = states.map((state) =>
      Float32Array.from([...rows.rows].flatMap((row) => [...state.subarray(row * WIDTH, (row + 1) * WIDTH)])),
    );
    const centred = new CentredStates(picked, rows.rows.length, WIDTH);
    const weightings = weightingsOf(cells, 2, { resamples: 3, seed: 1 });
    const before = tf.memory().numTensors;
    const whole = cellFeatureKernels(centred, rows.sizes, weightings);
    const tiled = cellFeatureKernels(centred, rows.sizes, weightings, { tileValues: 1, keptBytes: 0 });
    const [a, b] = [await whole.between(1, 2), await tiled.between(1, 2)];
    for (let i = 0; i < a.length; i++) expect(b[i]).toBeCloseTo(a[i]!, 4);
    for (const kernels of [whole, tiled]) {
      const surrogate = kernels.surrogateFrom(1);
      surrogate.apply(probes[0]!);
      await surrogate.compare([2]);
      surrogate.dispose();
      kernels.dispose();
    }
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('weightings', () => {
  it('count all cells once, then each band, then draws of whole groups', () => {
    const { columns, values, resamples } = weightingsOf(cells, 2, { resamples: 50, seed: 9 });
    expect([columns, resamples]).toEqual([53, 50]);
    const column = (index: number) => [...cells.groupOf].map((_, cell) => values[cell * columns + index]!);
    expect(column(0)).toEqual(column(0).map(() => 1));
    expect(column(1)).toEqual([...cells.bandOf].map((band) => (band === 0 ? 1 : 0)));
    for (let index = 3; index < columns; index++) {
      const perGroup = new Map<number, number>();
      for (const [cell, weight] of column(index).entries()) {
        const group = cells.groupOf[cell]!;
        expect(perGroup.get(group) ?? weight).toBe(weight);
        perGroup.set(group, weight);
      }
      expect([...perGroup.values()].reduce((a, b) => a + b)).toBe(cells.groups);
    }
    expect(weightingsOf(cells, 2, { resamples: 50, seed: 9 }).values).toEqual(values);
    expect(weightingsOf(cells, 2, { resamples: 50, seed: 10 }).values).not.toEqual(values);
  });

  it('have no resamples of a single group', () => {
    const one = cellsOf([0, 1], () => ({ group: 4, band: 0 }));
    expect(weightingsOf(one, 1)).toMatchObject({ resamples: 0, columns: 2 });
  });
});
