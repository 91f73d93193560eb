import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import type { DenseMap } from '../model/route.ts';
import { seededRandom } from '../random.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { type CellRows, cellRows, cellsOf, someOfEachCell } from './held-out-cells.ts';
import { Pace } from './pace.ts';
import { resampleSimilarity } from './resampled-similarity.ts';
import { StreamSimilarity } from './similarity.ts';
import { ESTIMATORS, READINGS } from './similarity-matrices.ts';
import { weightingsOf } from './weightings.ts';

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
const probes: DenseMap[] = Array.from({ length: BLOCKS }, (_, i) => ({
  weight: normals(WIDTH * WIDTH, 20 + i).map((value) => 0.3 * value),
  bias: normals(WIDTH, 30 + i),
}));

/** The analysis of plain rows, over the named ones alone. */
async function plain(picked: readonly number[], of = states) {
  const own = of.map((state) =>
    Float32Array.from(picked.flatMap((row) => [...state.subarray(row * WIDTH, (row + 1) * WIDTH)])),
  );
  const similarity = new StreamSimilarity(own, picked.length, WIDTH);
  const cka = await similarity.compareStates(pace);
  const trajectories = await similarity.followSurrogates(probes, pace);
  similarity.dispose();
  return { cka, trajectories };
}

async function resample(resamples: number, of = states, some: CellRows = rows) {
  const weightings = weightingsOf(cells, 2, { resamples, seed: 3 });
  const figures = await plain([...rows.rows], of);
  return { figures, weightings, ...(await resampleSimilarity(of, some, WIDTH, weightings, probes, figures, pace)) };
}

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'similarity in resamples of held-out prompts', () => {
  it('is, in a noise band, that of the same rows alone', async () => {
    const before = tf.memory().numTensors;
    const { bands } = await resample(0);
    expect(tf.memory().numTensors).toBe(before);
    for (const [band, found] of bands.entries()) {
      const picked = [...rows.rows].filter((_, i) => cells.bandOf[rows.cellOf[i]!] === band);
      const expected = await plain(picked);
      expect(found).toMatchObject({ rows: picked.length, bounds: null });
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

  it('is that of the rows drawn, as if they had been the data, where all rows are read', async () => {
    const { trajectories, weightings } = await resample(12);
    const drawn = [...rows.rows].flatMap((row, i) => {
      const at = rows.cellOf[i]! * weightings.columns + 3 + 5;
      return Array<number>(weightings.values[at]!).fill(row);
    });
    expect(new Set(drawn).size).toBeLessThan(rows.rows.length);
    const expected = (await plain(drawn)).trajectories.biased['block-u/teacher-after-k'][0]![3]!;
    expect(trajectories.biased['block-u/teacher-after-k'][3 * 12 + 5]).toBeCloseTo(expected, 5);
  });

  it('has bounds around the figure of all rows, whichever rows are read', async () => {
    const some = someOfEachCell(rows, 3, seededRandom(1));
    expect(Math.max(...some.sizes)).toBe(3);
    for (const read of [rows, some]) {
      const { bounds, figures } = await resample(60, states, read);
      const reading = 'block-u/teacher-after-k';
      for (const estimator of ESTIMATORS) {
        const { low, high } = bounds.trajectories[estimator][reading];
        for (let u = 0; u < BLOCKS; u++) {
          expect([low[u]![u], high[u]![u]]).toEqual([1, 1]);
          for (let k = u + 1; k < BLOCKS; k++) {
            const value = figures.trajectories[estimator][reading][u]![k]!;
            // Bounds have six digits.
            expect(low[u]![k]!).toBeLessThan(value + 1e-6);
            expect(high[u]![k]!).toBeGreaterThan(value - 1e-6);
          }
        }
        expect(bounds.trajectories[estimator]['block-u/teacher-after-u'].low.flat().slice(1, 4)).toEqual([
          null,
          null,
          null,
        ]);
      }
    }
  });

  it('has no value for a constant stream', async () => {
    const constant = states.map((state) => state.map(() => 0.3));
    const { bounds, bands, trajectories } = await resample(5, constant);
    expect(bands[0]!.cka.biased.flat().every((value) => value === null)).toBe(true);
    expect(bounds.cka.biased.low.flat().every((value) => value === null)).toBe(true);
    expect(trajectories.debiased['block-u/teacher-after-k'].every(Number.isNaN)).toBe(true);
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
