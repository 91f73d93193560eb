/**
 * Cell sums from d × d products, for more rows than features: with C_g = Σ yᵢxᵢᵀ over the rows of cell g, the sum of KᵢⱼLᵢⱼ
 * over the rows of cells g and h is ⟨C_g, C_h⟩. That is n·d² for a pair of kernels, and a kernel costs n·d for each cell.
 * Cells are padded to one length with rows of zeros, which add nothing, so that all of them are one batched product.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { AffineMap } from '../model/route.ts';
import type { CellKernels, CellSurrogate } from './cell-kernels.ts';
import type { CentredStates } from './centred-states.ts';
import { residualMatrix } from './kernels.ts';
import { type CellKernel, cellKernel, type WeightedRows, weightRows } from './weighted-cka.ts';
import type { Weightings } from './weightings.ts';

/** Values of the products C of all cells that are made at once; wider states go in tiles of their columns. */
const TILE_VALUES = 2 ** 24;
/** States kept on the engine; beyond it they are uploaded again. */
const KEPT_BYTES = 256 * 2 ** 20;

export interface FeatureFormLimits {
  readonly tileValues?: number;
  readonly keptBytes?: number;
}

/** `states`: rows of one cell after the other, `sizes` of them. */
export function cellFeatureKernels(
  states: CentredStates,
  sizes: Uint32Array,
  weightings: Weightings,
  { tileValues = TILE_VALUES, keptBytes = KEPT_BYTES }: FeatureFormLimits = {},
): CellKernels {
  return new FeatureForm(states, sizes, weightings, tileValues, keptBytes);
}

interface Borrowed {
  readonly tensor: tf.Tensor3D;
  /** To be called once when done; the form may keep the tensor. */
  readonly release: () => void;
}

class FeatureForm implements CellKernels {
  readonly rows: WeightedRows;
  /** Rows of the longest cell, m. */
  readonly #length: number;
  readonly #weights: tf.Tensor2D;
  readonly #kept = new Map<string, tf.Tensor3D>();
  readonly #kernels = new Map<number, CellKernel>();
  #bytesLeft: number;

  constructor(
    readonly states: CentredStates,
    readonly sizes: Uint32Array,
    readonly weightings: Weightings,
    readonly tileValues: number,
    keptBytes: number,
  ) {
    this.#bytesLeft = keptBytes;
    const length = Math.max(1, ...sizes);
    this.#length = length;
    const cellOf = Uint32Array.from({ length: sizes.length * length }, (_, row) => Math.floor(row / length));
    this.rows = weightRows(cellOf, sizes, weightings);
    const { cells, columns, values } = weightings;
    this.#weights = tf.tensor2d(Float32Array.from(values), [cells, columns]);
  }

  async kernel(state: number): Promise<CellKernel> {
    const known = this.#kernels.get(state);
    if (known) return known;
    const x = this.#state(state);
    const kernel = await this.kernelOf(x.tensor).finally(x.release);
    this.#kernels.set(state, kernel);
    return kernel;
  }

  async between(a: number, b: number): Promise<ArrayLike<number>> {
    const [y, x] = [this.#transposed(a), this.#state(b)];
    const sums = await this.#sums([y.tensor], x.tensor).finally(() => {
      y.release();
      x.release();
    });
    return sums[0]!;
  }

  surrogateFrom(start: number): CellSurrogate {
    const x = this.#state(start);
    const rows = x.tensor.clone();
    x.release();
    return new FeatureSurrogate(this, rows);
  }

  /** Of X [cells, m, d], which stays the caller's. */
  async kernelOf(x: tf.Tensor3D): Promise<CellKernel> {
    const [cells, length, width] = x.shape;
    const made = tf.tidy(() => {
      const flat = tf.reshape(x, [cells * length, width]);
      const perCell = tf.matMul(flat, tf.transpose(tf.sum(x, 1)));
      return { perCell, products: tf.matMul(perCell, this.#weights), diagonal: tf.sum(tf.square(flat), 1) };
    });
    const [perCell, products, diagonal] = await Promise.all([
      valuesOf(made.perCell),
      valuesOf(made.products),
      valuesOf(made.diagonal),
    ]);
    return cellKernel(this.rows, Float64Array.from(diagonal), perCell, products);
  }

  /** Sums of the kernel of X [cells, m, d] with itself, then with each state; X stays the caller's. */
  async sumsWith(x: tf.Tensor3D, states: readonly number[]): Promise<ArrayLike<number>[]> {
    const own = tf.transpose(x, [0, 2, 1]);
    const others = states.map((state) => this.#transposed(state));
    try {
      return await this.#sums([own, ...others.map(({ tensor }) => tensor)], x);
    } finally {
      own.dispose();
      for (const { release } of others) release();
    }
  }

  /** Of each Yᵀ [cells, d, m] with X [cells, m, d]. */
  async #sums(transposed: readonly tf.Tensor3D[], x: tf.Tensor3D): Promise<Float64Array[]> {
    const [cells, length, width] = x.shape;
    // As many Y as fit at once, since few large products are faster than many small ones, or tiles of the columns of X.
    const atOnce = Math.max(1, Math.min(transposed.length, Math.floor(this.tileValues / (cells * width * width))));
    const tile = Math.max(1, Math.min(width, Math.floor(this.tileValues / (cells * width * atOnce))));
    const sums = transposed.map(() => new Float64Array(cells * cells));
    for (let first = 0; first < transposed.length; first += atOnce) {
      const left = transposed.slice(first, first + atOnce);
      for (let from = 0; from < width; from += tile) {
        const columns = Math.min(tile, width - from);
        const inner = tf.tidy(() => {
          const right = columns === width ? x : tf.slice(x, [0, 0, from], [cells, length, columns]);
          const products = tf.matMul(left.length === 1 ? left[0]! : tf.concat([...left], 1), right);
          return left.map((_, i) => {
            const one = tf.slice(products, [0, i * width, 0], [cells, width, columns]);
            const flat = tf.reshape(one, [cells, width * columns]);
            return tf.matMul(flat, flat, false, true);
          });
        });
        for (const [i, tensor] of inner.entries()) {
          const of = sums[first + i]!;
          const values = await valuesOf(tensor);
          for (let at = 0; at < of.length; at++) of[at] = of[at]! + values[at]!;
        }
      }
    }
    return sums;
  }

  dispose(): void {
    this.#weights.dispose();
    for (const tensor of this.#kept.values()) tensor.dispose();
    this.#kept.clear();
    this.#kernels.clear();
  }

  /** X [cells, m, d] */
  #state(index: number): Borrowed {
    return this.#keep(`rows ${index}`, () => this.#pad(this.states.values(index)));
  }

  /** Xᵀ [cells, d, m]: untransposed products are the fast ones on wasm. */
  #transposed(index: number): Borrowed {
    return this.#keep(`transposed ${index}`, () => {
      const x = this.#state(index);
      const transposed = tf.transpose(x.tensor, [0, 2, 1]);
      x.release();
      return transposed;
    });
  }

  #keep(key: string, make: () => tf.Tensor3D): Borrowed {
    const kept = this.#kept.get(key);
    if (kept) return { tensor: kept, release: () => {} };
    const tensor = make();
    const bytes = 4 * tensor.size;
    if (bytes > this.#bytesLeft) return { tensor, release: () => tensor.dispose() };
    this.#bytesLeft -= bytes;
    this.#kept.set(key, tensor);
    return { tensor, release: () => {} };
  }

  #pad(values: Float32Array): tf.Tensor3D {
    const { width } = this.states;
    const padded = new Float32Array(this.sizes.length * this.#length * width);
    let from = 0;
    for (const [cell, size] of this.sizes.entries()) {
      padded.set(values.subarray(from * width, (from + size) * width), cell * this.#length * width);
      from += size;
    }
    return tf.tensor3d(padded, [this.sizes.length, this.#length, width]);
  }
}

class FeatureSurrogate implements CellSurrogate {
  /** S [cells, m, d] */
  #rows: tf.Tensor3D;

  constructor(
    readonly form: FeatureForm,
    rows: tf.Tensor3D,
  ) {
    this.#rows = rows;
  }

  apply(probe: AffineMap): void {
    const rows = this.#rows;
    const [cells, length, width] = rows.shape;
    this.#rows = tf.tidy(() => {
      const flat = tf.reshape(rows, [cells * length, width]);
      return tf.reshape(tf.matMul(flat, residualMatrix(probe)), [cells, length, width]);
    });
    rows.dispose();
  }

  async compare(states: readonly number[]): Promise<{ kernel: CellKernel; between: ArrayLike<number>[] }> {
    const kernel = await this.form.kernelOf(this.#rows);
    return { kernel, between: await this.form.sumsWith(this.#rows, states) };
  }

  dispose(): void {
    this.#rows.dispose();
  }
}

/** Frees the tensor. */
async function valuesOf(tensor: tf.Tensor): Promise<Float32Array> {
  const values = await tensor.data();
  tensor.dispose();
  return values instanceof Float32Array ? values : Float32Array.from(values);
}
