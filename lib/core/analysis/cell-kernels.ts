/**
 * Linear kernels K = X·Xᵀ of teacher and surrogate states over few rows, known as far as weightings of cells need them.
 * Kernels come from the engine in float32; sums over their entries are made here.
 */
import * as tf from '@tensorflow/tfjs-core';
import { type CellKernel, cellKernel, type WeightedRows, weightRows } from './weighted-cka.ts';
import type { Weightings } from './weightings.ts';

export interface FullKernel {
  /** K [n, n] */
  readonly values: Float32Array;
  readonly kernel: CellKernel;
}

export class CellKernels {
  readonly rows: WeightedRows;
  readonly #weights: tf.Tensor2D;

  /** `sizes`: rows of each cell, one cell after the other. */
  constructor(sizes: Uint32Array, weightings: Weightings) {
    const cellOf = Uint32Array.from([...sizes].flatMap((size, cell) => Array<number>(size).fill(cell)));
    this.rows = weightRows(cellOf, sizes, weightings);
    this.#weights = tf.tensor2d(Float32Array.from(weightings.values), [weightings.cells, weightings.columns]);
  }

  /** `values`: K [n, n]. */
  async kernel(values: Float32Array): Promise<FullKernel> {
    const { cellOf, weightings } = this.rows;
    const diagonal = Float64Array.from(cellOf, (_, i) => values[i * cellOf.length + i]!);
    const perCell = sumsPerCell(values, this.rows);
    const products = tf.tidy(() => tf.matMul(tf.tensor2d(perCell, [cellOf.length, weightings.cells]), this.#weights));
    const weighted = await products.data<'float32'>();
    products.dispose();
    return { values, kernel: cellKernel(this.rows, diagonal, perCell, weighted) };
  }

  dispose(): void {
    this.#weights.dispose();
  }
}

/** Σ KᵢⱼLᵢⱼ over the rows of each pair of cells [cells, cells], of kernels [n, n]. */
export function sumsBetween(
  k: Float32Array,
  l: Float32Array,
  { cellOf, weightings: { cells } }: WeightedRows,
): Float64Array {
  const n = cellOf.length;
  const sums = new Float64Array(cells * cells);
  // Kernels are symmetric: from the first row of the own cell on.
  let begin = 0;
  for (let i = 0; i < n; i++) {
    if (cellOf[i] !== cellOf[begin]) begin = i;
    const to = cellOf[i]! * cells;
    // Rows of one cell come together, so that each sum is written once.
    for (let j = begin; j < n; ) {
      const cell = cellOf[j]!;
      let sum = 0;
      for (; j < n && cellOf[j] === cell; j++) sum += k[i * n + j]! * l[i * n + j]!;
      sums[to + cell] = sums[to + cell]! + sum;
    }
  }
  for (let cell = 0; cell < cells; cell++) {
    for (let other = 0; other < cell; other++) sums[cell * cells + other] = sums[other * cells + cell]!;
  }
  return sums;
}

/** Sums of each row of K over the rows of each cell [n, cells]. */
function sumsPerCell(values: Float32Array, { cellOf, weightings: { cells } }: WeightedRows): Float32Array {
  const n = cellOf.length;
  const sums = new Float32Array(n * cells);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; ) {
      const cell = cellOf[j]!;
      let sum = 0;
      for (; j < n && cellOf[j] === cell; j++) sum += values[i * n + j]!;
      sums[i * cells + cell] = sum;
    }
  }
  return sums;
}
