/** Cell sums from n × n kernels K = X·Xᵀ, for few rows. Kernels come from the engine, sums over their entries are made here. */
import * as tf from '@tensorflow/tfjs-core';
import type { AffineMap } from '../model/route.ts';
import type { CellKernels, CellSurrogate } from './cell-kernels.ts';
import type { CentredStates } from './centred-states.ts';
import { residualMatrix } from './kernels.ts';
import { kernelOf } from './sample-kernels.ts';
import { type CellKernel, cellKernel, type WeightedRows, weightRows } from './weighted-cka.ts';
import type { Weightings } from './weightings.ts';

interface FullKernel {
  /** K [n, n] */
  readonly values: Float32Array;
  readonly kernel: CellKernel;
}

/** `states`: rows of one cell after the other, `sizes` of them. */
export function cellSampleKernels(states: CentredStates, sizes: Uint32Array, weightings: Weightings): CellKernels {
  const cellOf = Uint32Array.from([...sizes].flatMap((size, cell) => Array<number>(size).fill(cell)));
  const rows = weightRows(cellOf, sizes, weightings);
  const kept = new Map<number, FullKernel>();
  const full = async (x: tf.Tensor2D): Promise<FullKernel> => {
    const values = await kernelOf(x);
    const diagonal = Float64Array.from(cellOf, (_, i) => values[i * cellOf.length + i]!);
    const perCell = sumsPerCell(values, rows);
    return { values, kernel: cellKernel(rows, diagonal, perCell, weightedSums(perCell, rows)) };
  };
  const ofState = async (index: number): Promise<FullKernel> => {
    const known = kept.get(index);
    if (known) return known;
    const x = states.tensor(index);
    const made = await full(x).finally(() => x.dispose());
    kept.set(index, made);
    return made;
  };
  return {
    rows,
    kernel: async (state) => (await ofState(state)).kernel,
    between: async (a, b) => sumsBetween((await ofState(a)).values, (await ofState(b)).values, rows),
    surrogateFrom: (start) => new SampleSurrogate(states.tensor(start), full, ofState, rows),
    dispose: () => kept.clear(),
  };
}

class SampleSurrogate implements CellSurrogate {
  /** S [n, d] */
  #rows: tf.Tensor2D;

  constructor(
    start: tf.Tensor2D,
    readonly full: (x: tf.Tensor2D) => Promise<FullKernel>,
    readonly ofState: (index: number) => Promise<FullKernel>,
    readonly rows: WeightedRows,
  ) {
    this.#rows = start;
  }

  apply(probe: AffineMap): void {
    const rows = this.#rows;
    this.#rows = tf.tidy(() => tf.matMul(rows, residualMatrix(probe)));
    rows.dispose();
  }

  async compare(states: readonly number[]): Promise<{ kernel: CellKernel; between: ArrayLike<number>[] }> {
    const { values, kernel } = await this.full(this.#rows);
    const between = [sumsBetween(values, values, this.rows)];
    for (const state of states) between.push(sumsBetween(values, (await this.ofState(state)).values, this.rows));
    return { kernel, between };
  }

  dispose(): void {
    this.#rows.dispose();
  }
}

function sumsBetween(k: Float32Array, l: Float32Array, { cellOf, weightings: { cells } }: WeightedRows): Float64Array {
  const sums = new Float64Array(cells * cells);
  let at = 0;
  for (const cell of cellOf) {
    for (const other of cellOf) {
      sums[cell * cells + other] = sums[cell * cells + other]! + k[at]! * l[at]!;
      at++;
    }
  }
  return sums;
}

/** Sums of each row of K over the rows of each cell [n, cells]. */
function sumsPerCell(values: Float32Array, { cellOf, weightings: { cells } }: WeightedRows): Float32Array {
  const sums = new Float32Array(cellOf.length * cells);
  const row = new Float64Array(cells);
  let at = 0;
  for (let i = 0; i < cellOf.length; i++) {
    row.fill(0);
    for (const cell of cellOf) row[cell] = row[cell]! + values[at++]!;
    sums.set(row, i * cells);
  }
  return sums;
}

/** Kw of every weighting [n, columns] from those. */
function weightedSums(perCell: Float32Array, { cellOf, weightings }: WeightedRows): Float32Array {
  const { cells, columns, values } = weightings;
  const products = new Float32Array(cellOf.length * columns);
  const row = new Float64Array(columns);
  for (let i = 0; i < cellOf.length; i++) {
    row.fill(0);
    for (let cell = 0; cell < cells; cell++) {
      const sum = perCell[i * cells + cell]!;
      const from = cell * columns;
      for (let column = 0; column < columns; column++) row[column] = row[column]! + sum * values[from + column]!;
    }
    products.set(row, i * columns);
  }
  return products;
}
