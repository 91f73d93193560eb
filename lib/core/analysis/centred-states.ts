/**
 * The states of one stream after each block, as CKA sees them: column-centred. Centring happens in float64 and before any
 * product (an uncentred float32 Gram loses three digits); centred values are made when they are needed, so that the states
 * are in memory once. Index 0 is the embedded input, i + 1 the state after block i.
 */
import * as tf from '@tensorflow/tfjs-core';

const TILE_ROWS = 64;

export class CentredStates {
  readonly rows: number;
  readonly width: number;
  readonly count: number;
  /** Σ ‖xᵢ‖² of the centred rows of each state. */
  readonly traces: readonly number[];
  readonly #states: readonly Float32Array[];
  readonly #means: readonly Float64Array[];
  readonly #diagonals: readonly Float64Array[];
  readonly #constant: readonly boolean[];

  /** `states`: [rows, width] each. */
  constructor(states: readonly Float32Array[], rows: number, width: number) {
    this.#states = states;
    this.rows = rows;
    this.width = width;
    this.count = states.length;
    this.#means = states.map((state) => columnMeans(state, rows, width));
    this.#diagonals = states.map((state, index) => rowNorms(state, this.#means[index]!));
    this.traces = this.#diagonals.map((norms) => norms.reduce((sum, value) => sum + value, 0));
    this.#constant = this.#means.map((mean, index) => {
      const offset = mean.reduce((sum, value) => sum + value * value, 0);
      return !(this.traces[index]! > 1e-12 * rows * offset);
    });
  }

  /** ‖xᵢ‖² of each centred row [rows]. */
  diagonal(index: number): Float64Array {
    const norms = this.#diagonals[index];
    if (!norms) throw new RangeError(`No state ${index} among ${this.count}`);
    return norms;
  }

  /** Whether the rows are all the same, up to float32 rounding. */
  isConstant(index: number): boolean {
    const constant = this.#constant[index];
    if (constant === undefined) throw new RangeError(`No state ${index} among ${this.count}`);
    return constant;
  }

  /** Centred state [rows, width]. */
  values(index: number): Float32Array {
    const { state, mean } = this.#at(index);
    const centred = new Float32Array(state.length);
    for (let at = 0; at < state.length; ) {
      for (let j = 0; j < this.width; j++, at++) centred[at] = state[at]! - mean[j]!;
    }
    return centred;
  }

  /** The same on the engine, owned by the caller. */
  tensor(index: number): tf.Tensor2D {
    return tf.tensor2d(this.values(index), [this.rows, this.width]);
  }

  /**
   * Transposes of `count` states under one another [count · width, rows], owned by the caller: untransposed products are
   * the fast ones on wasm.
   */
  transposed(start: number, count = 1): tf.Tensor2D {
    const centred = new Float32Array(count * this.width * this.rows);
    for (let index = 0; index < count; index++) {
      const { state, mean } = this.#at(start + index);
      const first = index * this.width * this.rows;
      // In tiles of rows, as each value is read or written far from the last.
      for (let top = 0; top < this.rows; top += TILE_ROWS) {
        const bottom = Math.min(this.rows, top + TILE_ROWS);
        for (let j = 0; j < this.width; j++) {
          const [to, offset] = [first + j * this.rows, mean[j]!];
          for (let row = top; row < bottom; row++) centred[to + row] = state[row * this.width + j]! - offset;
        }
      }
    }
    return tf.tensor2d(centred, [count * this.width, this.rows]);
  }

  #at(index: number): { state: Float32Array; mean: Float64Array } {
    const state = this.#states[index];
    const mean = this.#means[index];
    if (!state || !mean) throw new RangeError(`No state ${index} among ${this.count}`);
    return { state, mean };
  }
}

/** Squared, of the centred rows. */
function rowNorms(state: Float32Array, mean: Float64Array): Float64Array {
  const width = mean.length;
  const norms = new Float64Array(state.length / width);
  for (let row = 0; row < norms.length; row++) {
    let sum = 0;
    for (let j = 0; j < width; j++) sum += (state[row * width + j]! - mean[j]!) ** 2;
    norms[row] = sum;
  }
  return norms;
}

function columnMeans(state: Float32Array, rows: number, width: number): Float64Array {
  const mean = new Float64Array(width);
  for (let at = 0; at < state.length; ) {
    for (let j = 0; j < width; j++, at++) mean[j] = mean[j]! + state[at]!;
  }
  return mean.map((sum) => sum / rows);
}
