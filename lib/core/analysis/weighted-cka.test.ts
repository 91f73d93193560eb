import { describe, expect, it } from 'vitest';
import { seededRandom } from '../random.ts';
import { ckaOf } from './cka.ts';
import { cellKernel, type PerWeighting, weightedCka, weightedHsic, weightRows } from './weighted-cka.ts';
import type { Weightings } from './weightings.ts';

const [CELLS, WIDTH] = [5, 6];
const SIZES = Uint32Array.of(3, 1, 4, 2, 3);
const cellOf = Uint32Array.from([...SIZES].flatMap((size, cell) => Array<number>(size).fill(cell)));
const n = cellOf.length;

function weightingsFrom(columns: readonly (readonly number[])[]): Weightings {
  const values = Float64Array.from({ length: CELLS * columns.length }, (_, at) => {
    return columns[at % columns.length]![Math.floor(at / columns.length)]!;
  });
  return {
    cells: CELLS,
    columns: columns.length,
    bands: 0,
    resamples: columns.length - 1,
    values,
    squares: values.map((w) => w * w),
  };
}

/** Rows with something of their cell in common, centred over all rows. */
function centredRows(seed: number): number[][] {
  const random = seededRandom(seed);
  const common = Array.from({ length: CELLS }, () => Array.from({ length: WIDTH }, () => random.normal()));
  const rows = [...cellOf].map((cell) => common[cell]!.map((value) => value + random.normal()));
  const means = common[0]!.map((_, j) => rows.reduce((sum, row) => sum + row[j]!, 0) / n);
  return rows.map((row) => row.map((value, j) => value - means[j]!));
}

const gram = (rows: number[][]) =>
  rows.map((a) => rows.map((b) => a.reduce((sum, value, j) => sum + value * b[j]!, 0)));

/** From kernels with all entries, in float64 but for the products. */
function fromCells(x: number[][], y: number[][], weightings: Weightings): PerWeighting {
  const rows = weightRows(cellOf, SIZES, weightings);
  const { columns, values } = weightings;
  const [k, l] = [gram(x), gram(y)];
  const kernel = (of: number[][]) => {
    const products = Float32Array.from({ length: n * columns }, (_, at) =>
      of[Math.floor(at / columns)]!.reduce(
        (sum, value, j) => sum + value * values[cellOf[j]! * columns + (at % columns)]!,
        0,
      ),
    );
    const perCell = Float32Array.from({ length: n * CELLS }, (_, at) =>
      of[Math.floor(at / CELLS)]!.reduce((sum, value, j) => sum + (cellOf[j] === at % CELLS ? value : 0), 0),
    );
    return cellKernel(rows, Float64Array.from(of.map((row, i) => row[i]!)), perCell, products);
  };
  const between = (a: number[][], b: number[][]) => {
    const sums = new Float64Array(CELLS * CELLS);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) sums[cellOf[i]! * CELLS + cellOf[j]!]! += a[i]![j]! * b[i]![j]!;
    }
    return sums;
  };
  const [kernelK, kernelL] = [kernel(k), kernel(l)];
  return weightedCka(
    weightedHsic(rows, kernelK, kernelL, between(k, l)),
    weightedHsic(rows, kernelK, kernelK, between(k, k)),
    weightedHsic(rows, kernelL, kernelL, between(l, l)),
  );
}

/** The rows as a resample holds them, copies written out; `original` says which row each copy is of. */
function written(weights: readonly number[]): number[] {
  return [...cellOf].flatMap((cell, row) => Array<number>(weights[cell]!).fill(row));
}

/** Biased CKA of written-out rows, centred anew. */
function biasedByDefinition(x: number[][], y: number[][], original: readonly number[]): number {
  const centred = (of: number[][]) => {
    const rows = original.map((row) => of[row]!);
    const means = rows[0]!.map((_, j) => rows.reduce((sum, row) => sum + row[j]!, 0) / rows.length);
    return gram(rows.map((row) => row.map((value, j) => value - means[j]!)));
  };
  const [k, l] = [centred(x), centred(y)];
  const dot = (a: number[][], b: number[][]) =>
    a.reduce((sum, row, i) => sum + row.reduce((s, value, j) => s + value * b[i]![j]!, 0), 0);
  return dot(k, l) / Math.sqrt(dot(k, k) * dot(l, l));
}

/** The U-statistic from its definition: every tuple of written-out rows in which no two are copies of one row. */
function debiasedByDefinition(x: number[][], y: number[][], original: readonly number[]): number {
  const [k, l] = [gram(x), gram(y)];
  const hsic = (a: number[][], b: number[][]) => {
    let [two, three, four, pairs, triples, quadruples] = [0, 0, 0, 0, 0, 0];
    for (const i of original) {
      for (const j of original) {
        if (j === i) continue;
        two += a[i]![j]! * b[i]![j]!;
        pairs++;
        for (const q of original) {
          if (q === i || q === j) continue;
          three += a[i]![j]! * b[i]![q]!;
          triples++;
          for (const r of original) {
            if (r === i || r === j || r === q) continue;
            four += a[i]![j]! * b[q]![r]!;
            quadruples++;
          }
        }
      }
    }
    return two / pairs + four / quadruples - (2 * three) / triples;
  };
  return hsic(k, l) / Math.sqrt(hsic(k, k) * hsic(l, l));
}

describe('CKA of weighted rows', () => {
  const x = centredRows(1);
  const y = centredRows(2).map((row, i) => row.map((value, j) => 0.6 * value + x[i]![(j + 1) % WIDTH]!));
  const columns = [
    [1, 1, 1, 1, 1],
    [2, 1, 0, 1, 1],
    [0, 3, 1, 1, 0],
    [0, 0, 2, 0, 3],
    [1, 0, 1, 0, 0],
  ];
  const values = fromCells(x, y, weightingsFrom(columns));

  it.each(columns.map((weights, column) => ({ weights, column })))(
    'with weights $weights is that of the rows written out, where copies of a row make no pair',
    ({ weights, column }) => {
      const original = written(weights);
      expect(values.biased[column]).toBeCloseTo(biasedByDefinition(x, y, original), 6);
      expect(values.debiased[column]).toBeCloseTo(debiasedByDefinition(x, y, original), 6);
    },
  );

  it('is that of an analysis where every row counts once', () => {
    const [k, l] = [gram(x), gram(y)];
    const dot = (a: number[][], b: number[][]) =>
      a.reduce((sum, row, i) => sum + row.reduce((s, value, j) => s + value * b[i]![j]!, 0), 0);
    const sums = (of: number[][]) => {
      const diagonal = Float64Array.from(of.map((row, i) => row[i]!));
      return { diagonal, trace: diagonal.reduce((a, b) => a + b, 0), self: dot(of, of) };
    };
    const expected = ckaOf(dot(k, l), sums(k), sums(l));
    expect(Math.abs(values.biased[0]! - expected.biased!)).toBeLessThan(1e-6);
    expect(Math.abs(values.debiased[0]! - expected.debiased!)).toBeLessThan(1e-6);
  });

  it('would be larger if copies made pairs', () => {
    const original = written(columns[3]!);
    // Rows that all differ: copies are moved apart by next to nothing.
    const moved = (of: number[][]) => original.map((row, i) => of[row]!.map((value) => value + 1e-7 * i));
    const asRows = debiasedByDefinition(moved(x), moved(y), [...original.keys()]);
    expect(asRows).toBeGreaterThan(values.debiased[3]! + 0.05);
  });

  it('does not exist where nothing varies or, debiased, below four distinct rows', () => {
    const few = fromCells(
      x,
      y,
      weightingsFrom([
        [1, 0, 0, 0, 0],
        [0, 9, 0, 0, 0],
        [0, 1, 0, 1, 0],
        [0, 0, 0, 0, 0],
      ]),
    );
    expect([...few.debiased].every(Number.isNaN)).toBe(true);
    expect([...few.biased].map(Number.isNaN)).toEqual([false, true, false, true]);
    const constant = centredRows(3).map(() => Array<number>(WIDTH).fill(0));
    const none = fromCells(x, constant, weightingsFrom(columns));
    expect([...none.biased, ...none.debiased].every(Number.isNaN)).toBe(true);
  });
});
