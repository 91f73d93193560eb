/**
 * Linear kernels K = X·Xᵀ of teacher and surrogate states over few rows, known as far as weightings of cells need them.
 * Kernels come from the engine in float32; sums over their entries are made here.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { AffineMap } from '../model/route.ts';
import type { CentredStates } from './centred-states.ts';
import { advanceRows } from './kernels.ts';
import { kernelOf } from './sample-kernels.ts';
import { type CellKernel, cellKernel, type WeightedRows, weightRows } from './weighted-cka.ts';
import type { Weightings } from './weightings.ts';

interface FullKernel {
  /** K [n, n] */
  readonly values: Float32Array;
  readonly kernel: CellKernel;
}

/** Indices are those of the states: 0 is the embedded input, i + 1 the state after block i. */
export class CellKernels {
  readonly rows: WeightedRows;
  readonly #states: CentredStates;
  readonly #weights: tf.Tensor2D;
  readonly #kept = new Map<number, FullKernel>();

  /** `states`: rows of one cell after the other, `sizes` of them. */
  constructor(states: CentredStates, sizes: Uint32Array, weightings: Weightings) {
    const cellOf = Uint32Array.from([...sizes].flatMap((size, cell) => Array<number>(size).fill(cell)));
    this.rows = weightRows(cellOf, sizes, weightings);
    this.#states = states;
    this.#weights = tf.tensor2d(Float32Array.from(weightings.values), [weightings.cells, weightings.columns]);
  }

  async kernel(state: number): Promise<CellKernel> {
    return (await this.#ofState(state)).kernel;
  }

  /** Σ KᵢⱼLᵢⱼ over the rows of each pair of cells [cells, cells], of the kernels of two states. */
  async between(a: number, b: number): Promise<Float64Array> {
    return sumsBetween((await this.#ofState(a)).values, (await this.#ofState(b)).values, this.rows);
  }

  /** The surrogate that starts from state `start`; dispose it before the kernels. */
  surrogateFrom(start: number): CellSurrogate {
    return new CellSurrogate(this.#states.tensor(start), this);
  }

  /** Of X [n, d] with itself, then with each of the named states; X stays the caller's. */
  async compare(
    x: tf.Tensor2D,
    states: readonly number[],
  ): Promise<{ kernel: CellKernel; between: readonly Float64Array[] }> {
    const { values, kernel } = await this.#full(x);
    const between = [sumsBetween(values, values, this.rows)];
    for (const state of states) between.push(sumsBetween(values, (await this.#ofState(state)).values, this.rows));
    return { kernel, between };
  }

  dispose(): void {
    this.#weights.dispose();
    this.#kept.clear();
  }

  async #ofState(index: number): Promise<FullKernel> {
    const known = this.#kept.get(index);
    if (known) return known;
    const x = this.#states.tensor(index);
    const made = await this.#full(x).finally(() => x.dispose());
    this.#kept.set(index, made);
    return made;
  }

  async #full(x: tf.Tensor2D): Promise<FullKernel> {
    const { cellOf, weightings } = this.rows;
    const values = await kernelOf(x);
    const diagonal = Float64Array.from(cellOf, (_, i) => values[i * cellOf.length + i]!);
    const perCell = sumsPerCell(values, this.rows);
    const products = tf.tidy(() => tf.matMul(tf.tensor2d(perCell, [cellOf.length, weightings.cells]), this.#weights));
    const weighted = await products.data<'float32'>();
    products.dispose();
    return { values, kernel: cellKernel(this.rows, diagonal, perCell, weighted) };
  }
}

export class CellSurrogate {
  /** S [n, d] */
  #rows: tf.Tensor2D;

  constructor(
    start: tf.Tensor2D,
    readonly kernels: CellKernels,
  ) {
    this.#rows = start;
  }

  apply(probe: AffineMap): void {
    const rows = this.#rows;
    this.#rows = advanceRows(rows, probe);
    rows.dispose();
  }

  compare(states: readonly number[]): ReturnType<CellKernels['compare']> {
    return this.kernels.compare(this.#rows, states);
  }

  dispose(): void {
    this.#rows.dispose();
  }
}

function sumsBetween(k: Float32Array, l: Float32Array, { cellOf, weightings: { cells } }: WeightedRows): Float64Array {
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
