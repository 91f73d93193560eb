/**
 * Figures of the held-out rows of a stream and of all its rows, from one sweep over the surrogates (gram-sweep.ts sweeps one set of
 * rows). Two things are shared:
 *
 *   Held-out rows are among all rows. They are advanced once.
 *   With fewer fitted rows than features and a small ridge, a probe passes through the rows that it was fitted on. The fitted rows
 *   of a surrogate are then those of the model's state, and the next surrogate begins with the same. A surrogate whose fitted rows
 *   are, when it begins, those of the surrogates before it follows their way: one set of fitted rows is advanced for all of them.
 *   Where they are not (rows that are equal before a block and differ after it; a large ridge), another set begins.
 *
 * A surrogate then takes products over its held-out rows, about a quarter of all. A sweep of many surrogates takes long: with
 * checkpoints, one that was interrupted goes on after the last (sweep-checkpoint.ts).
 */
import * as tf from '@tensorflow/tfjs-core';
import { CentredStates } from './centred-states.ts';
import { type Grams, rowBatches } from './gram-batches.ts';
import { GramFigures, type SweepOf, type Swept } from './gram-figures.ts';
import type { SweepProgress, SweepRows } from './gram-sweep.ts';
import { type ProbeStep, probeStep } from './kernels.ts';
import type { Pace } from './pace.ts';
import { pickRows } from './pick-rows.ts';
import { kernelOf, sumsOf } from './sample-kernels.ts';
import type { Checkpoints, SweptSoFar, WaitingRows } from './sweep-checkpoint.ts';

/**
 * Of the norm of the fitted rows, so much may two sets differ and be one: what float32 leaves of a product of thousands of terms. CKA
 * of surrogates of a trained model was off from float64 by as much with it as with every row advanced by itself (docs/measurements.md).
 */
const SAME = 1e-6;

export interface SharedSweepOf extends Pick<SweepOf, 'blocks' | 'width' | 'updated'> {
  /** Whether probes were fitted on it, of each row. */
  readonly isFitted: readonly boolean[];
  /** Of the held-out rows: `rows` are indices among those. */
  readonly resampling: SweepOf['resampling'];
}

/** `state` gives all rows; surrogates are of the held-out ones. */
export interface SharedRows extends SweepRows {
  /** The fitted rows of some surrogates, as last put: bit for bit. */
  fitted(set: number): Promise<Float32Array>;
  putFitted(set: number, rows: Float32Array): Promise<void>;
}

export interface SweptBoth {
  readonly heldOut: Swept;
  readonly all: Swept;
  /** Sets of fitted rows that were advanced. */
  readonly sets: number;
}

/** `onState` and `onSurrogate` are called as often as by a sweep over one set of rows. */
export async function sweepShared(
  of: SharedSweepOf,
  from: SharedRows,
  pace: Pace,
  { onState = () => {}, onSurrogate = () => {} }: SweepProgress = {},
  { mostRows, checkpoints }: { readonly mostRows?: number; readonly checkpoints?: Checkpoints | undefined } = {},
): Promise<SweptBoth> {
  const sweep = new SharedSweep(of, from, mostRows);
  try {
    for (let index = 0; index <= of.blocks; index++) {
      await sweep.addState(index);
      onState();
      await pace.breathe();
    }
    const before = await checkpoints?.get();
    if (before) await sweep.restore(before, pace, onSurrogate);
    for (let block = before ? before.block + 1 : 0; block < of.blocks; block++) {
      await sweep.advance(block, pace, onSurrogate);
      if (block < of.blocks - 1 && checkpoints?.isDue())
        await checkpoints.put(sweep.soFar(block), from, of.width, pace);
    }
    return sweep.result();
  } finally {
    sweep.dispose();
  }
}

/** Rows of one batch of all rows: places among the fitted and among the held-out ones. */
interface Batch {
  readonly fitted: Int32Array;
  readonly heldOut: Int32Array;
}

/** The fitted rows of one batch on the engine, null for none of them, and their products [n, n]. */
interface FittedPart {
  readonly rows: tf.Tensor2D | null;
  readonly products: Float32Array;
}

class SharedSweep {
  readonly #of: SharedSweepOf;
  readonly #from: SharedRows;
  readonly #fitted: Uint32Array;
  readonly #heldOut: Uint32Array;
  readonly #batches: readonly Batch[];
  readonly #ofHeldOut: GramFigures;
  readonly #ofAll: GramFigures;
  /** The first start of each set of fitted rows; the last set is that of all later ones. */
  readonly #firsts: number[] = [];

  constructor(of: SharedSweepOf, from: SharedRows, mostRows?: number) {
    this.#of = of;
    this.#from = from;
    const places = [...of.isFitted.keys()];
    this.#fitted = Uint32Array.from(places.filter((row) => of.isFitted[row]));
    this.#heldOut = Uint32Array.from(places.filter((row) => !of.isFitted[row]));
    // Fitted rows first, so that a batch's products are put together in blocks.
    const place = new Uint32Array(places.length);
    for (const [at, row] of [...this.#fitted, ...this.#heldOut].entries()) place[row] = at;
    const batches = rowBatches(places.length, mostRows).map((rows) => rows.map((row) => place[row]!).sort());
    const count = this.#fitted.length;
    this.#batches = batches.map((rows) => ({
      fitted: Int32Array.from(rows.filter((row) => row < count)),
      heldOut: Int32Array.from(rows.filter((row) => row >= count)).map((row) => row - count),
    }));
    const { length } = this.#heldOut;
    this.#ofHeldOut = new GramFigures({ ...of, rows: length }, rowBatches(length, mostRows));
    this.#ofAll = new GramFigures({ ...of, rows: places.length, resampling: null }, batches);
  }

  async addState(index: number): Promise<void> {
    const { fitted, heldOut } = await this.#state(index);
    const all = new Float32Array(fitted.length + heldOut.length);
    all.set(fitted);
    all.set(heldOut, fitted.length);
    for (const [figures, values] of [
      [this.#ofHeldOut, heldOut],
      [this.#ofAll, all],
    ] as const) {
      const centred = new CentredStates([values], values.length / this.#of.width, this.#of.width);
      const x = centred.tensor(0);
      await figures.addState(index, x, centred.isConstant(0)).finally(() => x.dispose());
    }
  }

  /** Applies the probe of a block to the surrogates from all states before it. */
  async advance(block: number, pace: Pace, onSurrogate: () => void): Promise<void> {
    await this.#begin(block);
    const probe = this.#of.updated[block] ? await this.#from.probe(block) : null;
    const step = probe && probeStep(probe);
    try {
      for (const [set, first] of this.#firsts.entries()) {
        const end = this.#firsts[set + 1] ?? block + 1;
        const parts = step && (await this.#advanceFitted(set, block, step));
        try {
          for (let start = first; start < end; start++) {
            if (step) await this.#advanceHeldOut(start, block, step, parts!);
            onSurrogate();
            await pace.breathe();
          }
        } finally {
          for (const part of parts ?? []) part.rows?.dispose();
        }
      }
    } finally {
      step?.dispose();
    }
  }

  /** Once all surrogates have been through the probe of `block`. */
  soFar(block: number): SweptSoFar {
    return { block, firsts: this.#firsts, heldOut: this.#ofHeldOut.found, all: this.#ofAll.found };
  }

  /** After all states. Counts the surrogates that need not be advanced again. */
  async restore(
    { block, firsts, heldOut, all, surrogate, fitted }: SweptSoFar & WaitingRows,
    pace: Pace,
    onSurrogate: () => void,
  ): Promise<void> {
    this.#firsts.push(...firsts);
    this.#ofHeldOut.restore(heldOut);
    this.#ofAll.restore(all);
    for (const set of firsts.keys()) {
      await this.#from.putFitted(set, await fitted(set));
      await pace.breathe();
    }
    for (let start = 0; start <= block; start++) {
      await this.#from.putSurrogate(start, await surrogate(start));
      await pace.breathe();
    }
    for (let done = 0; done < ((block + 1) * (block + 2)) / 2; done++) onSurrogate();
  }

  result(): SweptBoth {
    return { heldOut: this.#ofHeldOut.result(), all: this.#ofAll.result(), sets: this.#firsts.length };
  }

  dispose(): void {
    this.#ofHeldOut.dispose();
    this.#ofAll.dispose();
  }

  /** The surrogate that starts from the state before a block, with the last set of fitted rows or one of its own. */
  async #begin(block: number): Promise<void> {
    const { width } = this.#of;
    const { fitted, heldOut } = await this.#state(block);
    // A probe's bias takes the mean of the fitted rows to their mean. What is left of it is linear.
    const mean = columnMeans(fitted, width);
    subtract(fitted, mean);
    subtract(heldOut, mean);
    const last = this.#firsts.length - 1;
    if (last < 0 || !isSame(await this.#from.fitted(last), fitted)) {
      this.#firsts.push(block);
      await this.#from.putFitted(last + 1, fitted);
    }
    await this.#from.putSurrogate(block, heldOut);
  }

  /** The parts of all batches, owned by the caller. */
  async #advanceFitted(set: number, block: number, step: ProbeStep): Promise<FittedPart[]> {
    const { width, blocks } = this.#of;
    const values = await this.#from.fitted(set);
    const next = tf.tidy(() => step.advance(tf.tensor2d(values, [values.length / width, width])));
    const parts: FittedPart[] = [];
    try {
      for (const { fitted } of this.#batches) {
        const rows = gathered(next, fitted);
        parts.push({ rows, products: new Float32Array() });
        if (rows) parts[parts.length - 1] = { rows, products: await kernelOf(rows) };
      }
      if (block < blocks - 1) await this.#from.putFitted(set, await next.data<'float32'>());
      return parts;
    } catch (error) {
      for (const part of parts) part.rows?.dispose();
      throw error;
    } finally {
      next.dispose();
    }
  }

  async #advanceHeldOut(start: number, block: number, step: ProbeStep, parts: readonly FittedPart[]): Promise<void> {
    const { width, blocks } = this.#of;
    const values = await this.#from.surrogate(start);
    const next = tf.tidy(() => step.advance(tf.tensor2d(values, [values.length / width, width])));
    try {
      const centred = tf.tidy(() => tf.sub<tf.Tensor2D>(next, tf.mean(next, 0)));
      await this.#ofHeldOut.addSurrogate(start, block, centred).finally(() => centred.dispose());
      this.#ofAll.addSurrogateGrams(start, block, await this.#gramsOf(parts, next));
      // After the last block nobody reads it.
      if (block < blocks - 1) await this.#from.putSurrogate(start, await next.data<'float32'>());
    } finally {
      next.dispose();
    }
  }

  /** Of all rows, in batches: fitted rows and the held-out rows of a surrogate. */
  async #gramsOf(parts: readonly FittedPart[], heldOut: tf.Tensor2D): Promise<Grams> {
    const values: Float32Array[] = [];
    for (const [at, batch] of this.#batches.entries()) {
      const { rows, products } = parts[at]!;
      const own = gathered(heldOut, batch.heldOut);
      try {
        const between = own && rows ? await productsOf(rows, own) : new Float32Array();
        values.push(
          centredKernel(batch.fitted.length, products, between, own ? await kernelOf(own) : new Float32Array()),
        );
      } finally {
        own?.dispose();
      }
    }
    return { values, sums: values.map((kernel) => sumsOf(kernel, Math.sqrt(kernel.length))) };
  }

  async #state(index: number): Promise<{ fitted: Float32Array; heldOut: Float32Array }> {
    const { width } = this.#of;
    const state = await this.#from.state(index);
    return { fitted: pickRows(state, width, this.#fitted), heldOut: pickRows(state, width, this.#heldOut) };
  }
}

/** Null for no rows; owned by the caller. */
function gathered(x: tf.Tensor2D, rows: Int32Array): tf.Tensor2D | null {
  return rows.length === 0 ? null : tf.tidy(() => tf.gather(x, tf.tensor1d(rows, 'int32')));
}

/** X·Yᵀ as values. */
async function productsOf(x: tf.Tensor2D, y: tf.Tensor2D): Promise<Float32Array> {
  const product = tf.tidy(() => tf.matMul(x, tf.transpose(y)));
  return await product.data<'float32'>().finally(() => product.dispose());
}

/** K [n, n] of `fitted` rows and others, re-centred at the mean of all n, from the products of both and of both with each other. */
function centredKernel(fitted: number, products: Float32Array, between: Float32Array, own: Float32Array): Float32Array {
  const others = Math.round(Math.sqrt(own.length));
  const n = fitted + others;
  const kernel = new Float32Array(n * n);
  for (let i = 0; i < fitted; i++) {
    kernel.set(products.subarray(i * fitted, (i + 1) * fitted), i * n);
    kernel.set(between.subarray(i * others, (i + 1) * others), i * n + fitted);
  }
  for (let i = 0; i < others; i++) {
    const row = (fitted + i) * n;
    for (let j = 0; j < fitted; j++) kernel[row + j] = between[j * others + i]!;
    kernel.set(own.subarray(i * others, (i + 1) * others), row + fitted);
  }
  const means = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let at = i * n; at < (i + 1) * n; at++) sum += kernel[at]!;
    means[i] = sum / n;
  }
  const mean = means.reduce((sum, value) => sum + value, 0) / n;
  for (let i = 0; i < n; i++) {
    const offset = mean - means[i]!;
    for (let j = 0; j < n; j++) kernel[i * n + j] = kernel[i * n + j]! + offset - means[j]!;
  }
  return kernel;
}

function columnMeans(rows: Float32Array, width: number): Float64Array {
  const sums = new Float64Array(width);
  for (let at = 0; at < rows.length; ) for (let j = 0; j < width; j++, at++) sums[j] = sums[j]! + rows[at]!;
  return sums.map((sum) => (sum * width) / rows.length);
}

function subtract(rows: Float32Array, mean: Float64Array): void {
  for (let at = 0; at < rows.length; ) for (let j = 0; j < mean.length; j++, at++) rows[at] = rows[at]! - mean[j]!;
}

/** Up to rounding in float32. */
function isSame(a: Float32Array, b: Float32Array): boolean {
  let [difference, norm] = [0, 0];
  for (let at = 0; at < b.length; at++) {
    difference += (a[at]! - b[at]!) ** 2;
    norm += b[at]! ** 2;
  }
  return difference <= SAME ** 2 * norm;
}
