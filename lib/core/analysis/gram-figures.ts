/**
 * CKA, trajectories, noise bands and resamples of one set of rows, from the Grams of their states and surrogates as a sweep
 * brings them (gram-sweep.ts, shared-sweep.ts).
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Similarity } from '../report/report.ts';
import { type Grams, gramsOf } from './gram-batches.ts';
import { GramTotals, type StoredTotals } from './gram-totals.ts';
import type { CellRows } from './held-out-cells.ts';
import { type FoundResamples, type ResampledSimilarity, ResampledSweep } from './resampled-similarity.ts';
import { kernelOf } from './sample-kernels.ts';
import { emptyMatrix, perEstimator, putValues, Trajectories } from './similarity-matrices.ts';
import type { Weightings } from './weightings.ts';

export interface SweepOf {
  readonly blocks: number;
  /** Judged rows, and features of each. */
  readonly rows: number;
  readonly width: number;
  /** Which blocks update the stream. */
  readonly updated: readonly boolean[];
  /**
   * What bands and resamples are taken of: `rows` are indices among the judged rows, those of one cell after the other. Null
   * where there are none.
   */
  readonly resampling: { readonly cells: CellRows; readonly weightings: Weightings } | null;
  /** Figures over more rows than these, which resamples are shifted to; those of these rows by default. */
  readonly figures?: Pick<Similarity, 'cka' | 'trajectories'> | undefined;
  /** Sums over other rows, which those of these rows are added to. Figures are taken where these are the last. */
  readonly part?: { readonly totals: GramTotals; readonly isLast: boolean } | undefined;
}

export interface Swept {
  readonly similarity: Similarity;
  readonly resampled: ResampledSimilarity | null;
}

/** What was found of surrogates so far. */
export interface FoundOfSurrogates {
  readonly totals: StoredTotals['surrogates'];
  readonly resampled: FoundResamples | null;
}

/** Feed it with states in order, then with surrogates in any. */
export class GramFigures {
  readonly #of: SweepOf;
  readonly #batches: readonly Uint32Array[];
  readonly #states: Grams[] = [];
  readonly #totals: GramTotals;
  readonly #isLast: boolean;
  readonly #cka: ReturnType<typeof emptyCka>;
  readonly #trajectories: Trajectories;
  readonly #resampled: ResampledSweep | null;

  /** `batches`: the rows that are compared with each other. */
  constructor(of: SweepOf, batches: readonly Uint32Array[]) {
    this.#of = of;
    this.#batches = batches;
    this.#cka = emptyCka(of.blocks);
    this.#trajectories = new Trajectories(of.blocks);
    this.#totals = of.part?.totals ?? new GramTotals(of.blocks);
    this.#isLast = of.part?.isLast ?? true;
    const { resampling, figures = { cka: this.#cka, trajectories: this.#trajectories.values } } = of;
    this.#resampled = resampling && new ResampledSweep(resampling.cells, resampling.weightings, figures);
  }

  /** `x` [rows, width] is centred and stays the caller's. */
  async addState(index: number, x: tf.Tensor2D, isConstant: boolean): Promise<void> {
    const { updated } = this.#of;
    const totals = this.#totals;
    const grams = await gramsOf(x, this.#batches);
    this.#states.push(grams);
    totals.addState(index, grams, isConstant);
    for (let other = 1; other <= index; other++) {
      if (!updated[index - 1] || !updated[other - 1]) continue;
      totals.addPair(index, other, grams, this.#states[other]!);
      if (!this.#isLast || !this.#hasValue(index) || !this.#hasValue(other)) continue;
      const values = totals.between(index, other);
      putValues(this.#cka, index - 1, other - 1, values);
      putValues(this.#cka, other - 1, index - 1, values);
    }
    if (this.#isLast && index > 0 && this.#hasValue(index)) this.#trajectories.putStart(index - 1);
    await this.#resampled?.addState(await this.#cellKernel(x, grams));
  }

  /** The centred surrogate [rows, width] that starts from a state, after a block; it stays the caller's. */
  async addSurrogate(start: number, block: number, x: tf.Tensor2D): Promise<void> {
    const grams = await gramsOf(x, this.#batches);
    this.addSurrogateGrams(start, block, grams);
    await this.#resampled?.putSurrogate(start - 1, block, await this.#cellKernel(x, grams));
  }

  /** The same of Grams of all batches, where nothing is resampled. */
  addSurrogateGrams(start: number, block: number, grams: Grams): void {
    this.#totals.addSurrogate(start, block, grams, this.#states);
    if (this.#isLast) this.#trajectories.put(start - 1, block, ...this.#totals.ofSurrogate(start, block));
  }

  /** No copy: it changes with what is added. */
  get found(): FoundOfSurrogates {
    return { totals: this.#totals.stored.surrogates, resampled: this.#resampled?.found ?? null };
  }

  /** After all states: as if the surrogates had been added. */
  restore({ totals, resampled }: FoundOfSurrogates): void {
    this.#totals.restoreSurrogates(totals);
    for (const [start, row] of totals.entries()) {
      for (const [block, surrogate] of row.entries()) {
        if (surrogate) this.#trajectories.put(start - 1, block, ...this.#totals.ofSurrogate(start, block));
      }
    }
    if (resampled) this.#resampled?.restore(resampled);
  }

  result(): Swept {
    const { rows } = this.#of;
    return {
      similarity: { rows, cka: this.#cka, trajectories: this.#trajectories.result(), bounds: null },
      resampled: this.#resampled?.result() ?? null,
    };
  }

  dispose(): void {
    this.#resampled?.dispose();
  }

  /** Whether a block changes the stream to a state that varies. */
  #hasValue(state: number): boolean {
    return this.#of.updated[state - 1] === true && !this.#totals.isConstant(state);
  }

  /** The kernel of the rows that resamples are taken of: part of the Gram where that is whole. */
  async #cellKernel(x: tf.Tensor2D, grams: Grams): Promise<Float32Array> {
    const { rows } = this.#of.resampling!.cells;
    if (grams.values.length === 1) return partOf(grams.values[0]!, rows, this.#of.rows);
    const picked = tf.tidy(() => tf.gather(x, tf.tensor1d(Int32Array.from(rows), 'int32')));
    return await kernelOf(picked).finally(() => picked.dispose());
  }
}

const emptyCka = (blocks: number) => perEstimator(() => emptyMatrix(blocks));

/** Named rows and columns of a matrix [n, n]. */
function partOf(matrix: Float32Array, rows: Uint32Array, n: number): Float32Array {
  const part = new Float32Array(rows.length ** 2);
  for (const [i, row] of rows.entries()) {
    for (const [j, column] of rows.entries()) part[i * rows.length + j] = matrix[row * n + column]!;
  }
  return part;
}
