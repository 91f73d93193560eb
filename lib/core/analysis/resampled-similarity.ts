/**
 * CKA and trajectories of one stream in every noise band and in every bootstrap resample, from one sweep over the
 * surrogates. States and probes are fixed; only how often a cell of rows counts differs, so that nothing is taken from the
 * model again.
 *
 * The sweep reads a few rows of each cell. What the figure is comes from all held-out rows; resamples say how far it moves
 * with the prompts, and are shifted so that their centre is the figure. Readings that compare with the state after u are
 * taken per band but not resampled: they would double the cost of the sweep for what hardly anyone reads.
 */
import type { AffineMap } from '../model/route.ts';
import type { Matrix, MatrixBounds, PerEstimator, PerReading, Similarity, SimilarityBounds } from '../report/report.ts';
import { CellKernels, type FullKernel, sumsBetween } from './cell-kernels.ts';
import { CentredStates } from './centred-states.ts';
import type { CellRows } from './held-out-cells.ts';
import { advanceRows } from './kernels.ts';
import type { Pace } from './pace.ts';
import { percentileBounds, sixDigits } from './percentile-bounds.ts';
import { pickRows } from './pick-rows.ts';
import { kernelOf } from './sample-kernels.ts';
import {
  ESTIMATORS,
  emptyMatrix,
  type MutableMatrix,
  perEstimator,
  perReading,
  READINGS,
} from './similarity-matrices.ts';
import { type PerWeighting, weightedCka, weightedHsic } from './weighted-cka.ts';
import type { Weightings } from './weightings.ts';

export interface ResampledSimilarity {
  /** All null for readings that are not resampled. */
  readonly bounds: SimilarityBounds;
  /** `cka(u, k)` of every resample, [M, M, resamples]; NaN where it does not exist. Empty for readings that are not resampled. */
  readonly trajectories: PerEstimator<PerReading<Float64Array>>;
  /** One per noise band, over the rows that were read. */
  readonly bands: readonly Similarity[];
}

interface FoundMatrices {
  readonly bounds: PerEstimator<MatrixBounds>;
  readonly bands: readonly PerEstimator<Matrix>[];
}

/** What was found of surrogates so far. */
export interface FoundResamples {
  /** Plain numbers. */
  readonly matrices: PerReading<FoundMatrices>;
  /** Of the readings that are kept, one after the other. */
  readonly values: Float64Array;
}

/**
 * `states`: [captured rows, width] each, the embedded input first, then after each block. `figures` were taken over all
 * held-out rows, `rows` are some of them. `probes`: null where a block does not
 * update the stream. `onState` is called once per state.
 */
export async function resampleSimilarity(
  states: readonly Float32Array[],
  rows: CellRows,
  width: number,
  weightings: Weightings,
  probes: readonly (AffineMap | null)[],
  figures: Pick<Similarity, 'cka' | 'trajectories'>,
  pace: Pace,
  onState: () => void = () => {},
): Promise<ResampledSimilarity> {
  const picked = states.map((state) => pickRows(state, width, rows.rows));
  const centred = new CentredStates(picked, rows.rows.length, width);
  const sweep = new ResampledSweep(rows, weightings, figures);
  try {
    for (let index = 0; index < centred.count; index++) {
      const x = centred.tensor(index);
      const kernel = await kernelOf(x).finally(() => x.dispose());
      await sweep.addState(kernel);
      await pace.breathe();
    }
    for (let start = -1; start < probes.length; start++) {
      await followSurrogate(start, probes, centred, sweep, pace);
      onState();
    }
    return sweep.result();
  } finally {
    sweep.dispose();
  }
}

async function followSurrogate(
  start: number,
  probes: readonly (AffineMap | null)[],
  states: CentredStates,
  sweep: ResampledSweep,
  pace: Pace,
): Promise<void> {
  let rows = states.tensor(start + 1);
  try {
    for (let k = start + 1; k < probes.length; k++) {
      const probe = probes[k];
      if (!probe) continue;
      const before = rows;
      rows = advanceRows(before, probe);
      before.dispose();
      await sweep.putSurrogate(start, k, await kernelOf(rows));
      await pace.breathe();
    }
  } finally {
    rows.dispose();
  }
}

/** Fed with the centred kernels [n, n] of the rows, of states in order and of surrogates in any. */
export class ResampledSweep {
  readonly #kernels: CellKernels;
  readonly #cka: Resampled;
  readonly #trajectories: PerReading<Resampled>;
  /** Of each state, and its HSIC with itself. */
  readonly #states: FullKernel[] = [];
  readonly #selves: PerWeighting[] = [];

  /** Each figure is read when its resamples are put: it may come to be until then. */
  constructor(
    readonly rows: CellRows,
    readonly weightings: Weightings,
    figures: Pick<Similarity, 'cka' | 'trajectories'>,
  ) {
    this.#kernels = new CellKernels(rows.sizes, weightings);
    this.#cka = new Resampled(figures.cka, weightings);
    this.#trajectories = perReading(
      (reading) =>
        new Resampled(
          perEstimator((estimator) => figures.trajectories[estimator][reading]),
          weightings,
          { keep: reading.endsWith('after-k') },
        ),
    );
  }

  /** The embedded input first, then after each block; compared with those that came before. */
  async addState(values: Float32Array): Promise<void> {
    const kernel = await this.#kernels.kernel(values);
    const self = this.#hsic(kernel, kernel);
    const a = this.#states.length;
    this.#states.push(kernel);
    this.#selves.push(self);
    for (let b = 1; b < a; b++) {
      const compared = weightedCka(this.#hsic(kernel, this.#states[b]!), self, this.#selves[b]!);
      this.#cka.put(a - 1, b - 1, compared);
      this.#cka.put(b - 1, a - 1, compared);
    }
    if (a === 0) return;
    this.#cka.putOnes(a - 1, self);
    this.#trajectories['block-u/teacher-after-k'].putOnes(a - 1, self);
    this.#trajectories['block-u/teacher-after-u'].putOnes(a - 1, self);
  }

  /** The surrogate that starts from the state after block `start` (−1: the embedded input) and has come to block k. */
  async putSurrogate(start: number, k: number, values: Float32Array): Promise<void> {
    const kernel = await this.#kernels.kernel(values);
    const self = this.#hsic(kernel, kernel);
    const readings = this.#trajectories;
    // The state after block i has index i + 1: after k, after u = start + 1, after u = start.
    const against = new Map<number, PerWeighting>();
    for (const state of new Set([k + 1, start + 2, ...(start >= 0 ? [start + 1] : [])])) {
      const count = state === k + 1 ? this.weightings.columns : 1 + this.weightings.bands;
      const cross = this.#hsic(this.#states[state]!, kernel, count);
      against.set(state, weightedCka(cross, this.#selves[state]!, self));
    }
    if (start >= 0) {
      readings['block-u/teacher-after-k'].put(start, k, against.get(k + 1)!);
      readings['block-u/teacher-after-u'].put(start, k, against.get(start + 1)!);
    }
    readings['probe-u/teacher-after-k'].put(start + 1, k, against.get(k + 1)!);
    readings['probe-u/teacher-after-u'].put(start + 1, k, against.get(start + 2)!);
  }

  get found(): FoundResamples {
    const all = this.#kept();
    const values = new Float64Array(all.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const some of all) {
      values.set(some, at);
      at += some.length;
    }
    return { matrices: perReading((reading) => this.#trajectories[reading].matrices), values };
  }

  /** After all states: as if the surrogates had been put. */
  restore({ matrices, values }: FoundResamples): void {
    for (const reading of READINGS) this.#trajectories[reading].restore(matrices[reading]);
    let at = 0;
    for (const own of this.#kept()) {
      own.set(values.subarray(at, at + own.length));
      at += own.length;
    }
  }

  #kept(): readonly Float64Array[] {
    return READINGS.flatMap((reading) => Object.values(this.#trajectories[reading].values));
  }

  result(): ResampledSimilarity {
    const readings = this.#trajectories;
    return {
      bounds: {
        cka: this.#cka.bounds,
        trajectories: perEstimator((estimator) => perReading((reading) => readings[reading].bounds[estimator])),
      },
      trajectories: perEstimator((estimator) => perReading((reading) => readings[reading].values[estimator])),
      bands: Array.from({ length: this.weightings.bands }, (_, band) => ({
        rows: this.#rowsOf(band),
        cka: this.#cka.bands[band]!,
        trajectories: perEstimator((estimator) => perReading((reading) => readings[reading].bands[band]![estimator])),
        bounds: null,
      })),
    };
  }

  dispose(): void {
    this.#kernels.dispose();
  }

  #rowsOf(band: number): number {
    const { values, columns } = this.weightings;
    return this.rows.sizes.reduce((sum, size, cell) => sum + size * values[cell * columns + 1 + band]!, 0);
  }

  #hsic(k: FullKernel, l: FullKernel, count?: number): PerWeighting {
    const { rows } = this.#kernels;
    return weightedHsic(rows, k.kernel, l.kernel, sumsBetween(k.values, l.values, rows), count);
  }
}

/** A matrix of blocks in every band and every resample. Where the figure is null, so is all else. */
class Resampled {
  readonly bounds: PerEstimator<MatrixBounds & { readonly low: MutableMatrix; readonly high: MutableMatrix }>;
  readonly bands: readonly PerEstimator<MutableMatrix>[];
  /** [M, M, resamples] each; empty unless they are kept. */
  readonly values: PerEstimator<Float64Array>;
  readonly #figures: PerEstimator<Matrix>;
  readonly #weightings: Weightings;
  readonly #shifted: Float64Array;

  constructor(figures: PerEstimator<Matrix>, weightings: Weightings, { keep = false } = {}) {
    const numBlocks = figures.debiased.length;
    const empty = () => emptyMatrix(numBlocks);
    this.#figures = figures;
    this.#weightings = weightings;
    this.#shifted = new Float64Array(weightings.resamples);
    this.bounds = perEstimator(() => ({ low: empty(), high: empty() }));
    this.bands = Array.from({ length: weightings.bands }, () => perEstimator(empty));
    const kept = keep ? numBlocks * numBlocks * weightings.resamples : 0;
    this.values = perEstimator(() => new Float64Array(kept).fill(Number.NaN));
  }

  /** No copies. */
  get matrices(): FoundMatrices {
    return { bounds: this.bounds, bands: this.bands };
  }

  restore({ bounds, bands }: FoundMatrices): void {
    for (const estimator of ESTIMATORS) {
      for (const end of ['low', 'high'] as const) copyInto(this.bounds[estimator][end], bounds[estimator][end]);
      for (const [at, band] of this.bands.entries()) copyInto(band[estimator], bands[at]![estimator]);
    }
  }

  /** `values` may be of the bands alone. */
  put(i: number, j: number, values: PerWeighting): void {
    const { bands, resamples, columns } = this.#weightings;
    for (const estimator of ESTIMATORS) {
      const figure = this.#figures[estimator][i]?.[j] ?? null;
      if (figure === null) continue;
      const of = values[estimator];
      for (let band = 0; band < bands; band++) {
        const value = of[1 + band]!;
        this.bands[band]![estimator][i]![j] = Number.isNaN(value) ? null : sixDigits(value);
      }
      if (of.length < columns || resamples === 0) continue;
      const shift = figure - of[0]!;
      const shifted = this.#shifted;
      for (let at = 0; at < resamples; at++) shifted[at] = Math.min(1, Math.max(-1, of[1 + bands + at]! + shift));
      const bounds = percentileBounds(shifted);
      this.bounds[estimator].low[i]![j] = bounds?.low ?? null;
      this.bounds[estimator].high[i]![j] = bounds?.high ?? null;
      const kept = this.values[estimator];
      if (kept.length > 0) kept.set(shifted, (i * this.#figures[estimator].length + j) * resamples);
    }
  }

  /** A state with itself: exactly 1 in each resample in which it varies. */
  putOnes(i: number, self: PerWeighting): void {
    const ones = (of: Float64Array) => of.map((value) => (Number.isNaN(value) ? value : 1));
    this.put(i, i, { debiased: ones(self.debiased), biased: ones(self.biased) });
  }
}

function copyInto(matrix: MutableMatrix, from: Matrix): void {
  for (const [i, row] of from.entries()) matrix[i] = [...row];
}
