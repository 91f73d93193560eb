/**
 * CKA, noise bands, resamples and trajectories of one stream from one centred Gram per state, for no more judged rows than
 * features. States and probes come one at a time from wherever they are kept; surrogates from all starts advance together,
 * so that each probe is read once. What is held is one state, one surrogate, one probe, and the Grams.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { AffineMap } from '../model/route.ts';
import type { Similarity } from '../report/report.ts';
import { CentredStates } from './centred-states.ts';
import { type Grams, gramsOf, rowBatches } from './gram-batches.ts';
import { GramTotals } from './gram-totals.ts';
import type { CellRows } from './held-out-cells.ts';
import { type ProbeStep, probeStep } from './kernels.ts';
import type { Pace } from './pace.ts';
import { type ResampledSimilarity, ResampledSweep } from './resampled-similarity.ts';
import { kernelOf } from './sample-kernels.ts';
import { emptyMatrix, perEstimator, putValues, Trajectories } from './similarity-matrices.ts';
import type { Weightings } from './weightings.ts';

/** Where the rows of one stream are kept. Indices of states: 0 is the embedded input, i + 1 the state after block i. */
export interface SweepRows {
  /** The judged rows of a state [rows, width], as they were captured; ascending. Each is asked for twice, the last once. */
  state(index: number): Promise<Float32Array>;
  /** The probe of block k, or null where it does not update the stream. Asked once for each, ascending. */
  probe(block: number): Promise<AffineMap | null>;
  /** The surrogate that starts from a state [rows, width], as last put: bit for bit. */
  surrogate(start: number): Promise<Float32Array>;
  /** The array is the sweep's until the promise settles. */
  putSurrogate(start: number, rows: Float32Array): Promise<void>;
}

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

export interface SweepProgress {
  /** Called once per state compared: blocks + 1 times. */
  readonly onState?: () => void;
  /** Called once per surrogate and block: blocks · (blocks + 1) / 2 times. */
  readonly onSurrogate?: () => void;
}

/** Rows beyond `mostRows` are compared in batches of about half as many (gram-batches.ts). */
export async function sweepGrams(
  of: SweepOf,
  from: SweepRows,
  pace: Pace,
  { onState = () => {}, onSurrogate = () => {} }: SweepProgress = {},
  mostRows?: number,
): Promise<Swept> {
  const sweep = new GramSweep(of, from, mostRows);
  try {
    for (let index = 0; index <= of.blocks; index++) {
      await sweep.addState(index);
      onState();
      await pace.breathe();
    }
    for (let block = 0; block < of.blocks; block++) {
      await sweep.advance(block, pace, onSurrogate);
    }
    return sweep.result();
  } finally {
    sweep.dispose();
  }
}

class GramSweep {
  readonly #of: SweepOf;
  readonly #from: SweepRows;
  readonly #batches: readonly Uint32Array[];
  readonly #states: Grams[] = [];
  readonly #totals: GramTotals;
  readonly #isLast: boolean;
  readonly #cka: ReturnType<typeof emptyCka>;
  readonly #trajectories: Trajectories;
  readonly #resampled: ResampledSweep | null;

  constructor(of: SweepOf, from: SweepRows, mostRows?: number) {
    this.#of = of;
    this.#from = from;
    this.#batches = rowBatches(of.rows, mostRows);
    this.#cka = emptyCka(of.blocks);
    this.#trajectories = new Trajectories(of.blocks);
    this.#totals = of.part?.totals ?? new GramTotals(of.blocks);
    this.#isLast = of.part?.isLast ?? true;
    const { resampling, figures = { cka: this.#cka, trajectories: this.#trajectories.values } } = of;
    this.#resampled = resampling && new ResampledSweep(resampling.cells, resampling.weightings, figures);
  }

  async addState(index: number): Promise<void> {
    const { updated } = this.#of;
    const totals = this.#totals;
    const centred = await this.#centred(index);
    const x = centred.tensor(0);
    try {
      const grams = await gramsOf(x, this.#batches);
      this.#states.push(grams);
      totals.addState(index, grams, centred.isConstant(0));
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
    } finally {
      x.dispose();
    }
  }

  /** Applies the probe of a block to the surrogates from all states before it. */
  async advance(block: number, pace: Pace, onSurrogate: () => void): Promise<void> {
    const probe = this.#of.updated[block] ? await this.#from.probe(block) : null;
    const step = probe && probeStep(probe);
    try {
      for (let start = 0; start <= block; start++) {
        if (step || start === block) await this.#advanceFrom(start, block, step);
        onSurrogate();
        await pace.breathe();
      }
    } finally {
      step?.dispose();
    }
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

  /** The surrogate that starts from a state; it begins at the block after it. */
  async #advanceFrom(start: number, block: number, step: ProbeStep | null): Promise<void> {
    const { rows, width } = this.#of;
    const values = start === block ? (await this.#centred(start)).values(0) : await this.#from.surrogate(start);
    if (!step) return await this.#from.putSurrogate(start, values);
    const next = tf.tidy(() => step.advance(tf.tensor2d(values, [rows, width])));
    try {
      const grams = await gramsOf(next, this.#batches);
      this.#totals.addSurrogate(start, block, grams, this.#states);
      if (this.#isLast) this.#trajectories.put(start - 1, block, ...this.#totals.ofSurrogate(start, block));
      await this.#resampled?.putSurrogate(start - 1, block, await this.#cellKernel(next, grams));
      // After the last block nobody reads it.
      if (block < this.#of.blocks - 1) await this.#from.putSurrogate(start, await next.data<'float32'>());
    } finally {
      next.dispose();
    }
  }

  async #centred(index: number): Promise<CentredStates> {
    const { rows, width } = this.#of;
    return new CentredStates([await this.#from.state(index)], rows, width);
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
