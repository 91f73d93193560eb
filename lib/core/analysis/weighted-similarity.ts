/**
 * CKA and trajectories of one stream over its held-out rows: over all of them, over those of each noise band, and in each
 * bootstrap resample, from one sweep over the surrogates. The states and probes are fixed; only how often a cell of rows
 * counts differs, so that no statistic is taken from rows twice and none needs a forward pass.
 */
import type { AffineMap } from '../model/route.ts';
import type {
  CkaEstimator,
  Matrix,
  MatrixBounds,
  PerEstimator,
  PerReading,
  Similarity,
  TrajectoryReading,
} from '../report/report.ts';
import { cellFeatureKernels } from './cell-feature-kernels.ts';
import type { CellKernels } from './cell-kernels.ts';
import { cellSampleKernels } from './cell-sample-kernels.ts';
import { CentredStates } from './centred-states.ts';
import type { CellRows } from './held-out-cells.ts';
import type { Pace } from './pace.ts';
import { percentileBounds, sixDigitsOrNull } from './percentile-bounds.ts';
import type { KernelForm } from './similarity.ts';
import { type CellKernel, type PerWeighting, weightedCka, weightedHsic } from './weighted-cka.ts';
import { splitColumns, type Weightings } from './weightings.ts';

export const READINGS = [
  'block-u/teacher-after-k',
  'block-u/teacher-after-u',
  'probe-u/teacher-after-k',
  'probe-u/teacher-after-u',
] as const satisfies readonly TrajectoryReading[];
export const ESTIMATORS = ['debiased', 'biased'] as const satisfies readonly CkaEstimator[];

/** `cka(u, k)` of every resample, [M, M, resamples]; NaN where it does not exist. */
export type ResampledTrajectory = Float64Array;

export interface WeightedComparison {
  readonly whole: Similarity;
  /** One per noise band, without bounds. */
  readonly bands: readonly Similarity[];
  readonly resampled: PerEstimator<PerReading<ResampledTrajectory>>;
}

type MutableMatrix = (number | null)[][];

export class WeightedStreamSimilarity {
  readonly #states: CentredStates;
  readonly #kernels: CellKernels;
  readonly #rows: CellRows;
  readonly #weightings: Weightings;
  readonly #updated: readonly boolean[];
  /** HSIC of each state with itself; filled by `compareStates`. */
  #selves: PerWeighting[] = [];

  /**
   * `states`: [captured rows, width] each, the embedded input first, then after each block. `updated` says which blocks
   * update the stream (all by default). `form` is the cheaper one by default; both give the same values.
   */
  constructor(
    states: readonly Float32Array[],
    rows: CellRows,
    width: number,
    weightings: Weightings,
    { form, updated }: { readonly form?: KernelForm | undefined; readonly updated?: readonly boolean[] } = {},
  ) {
    this.#rows = rows;
    this.#weightings = weightings;
    this.#updated = updated ?? states.slice(1).map(() => true);
    const picked = states.map((state) => pickRows(state, width, rows.rows));
    this.#states = new CentredStates(picked, rows.rows.length, width);
    // A surrogate takes n·n·d in one form, and n·d·d for itself and each of three states in the other; n·n sums are slow.
    const cheaper: KernelForm = rows.rows.length > 2 * width ? 'features' : 'samples';
    const make = (form ?? cheaper) === 'features' ? cellFeatureKernels : cellSampleKernels;
    this.#kernels = make(this.#states, rows.sizes, weightings);
  }

  get numBlocks(): number {
    return this.#states.count - 1;
  }

  /** CKA between the states after blocks i and j. `onRow` is called once per state, the embedded input included. */
  async compareStates(pace: Pace, onRow: () => void = () => {}): Promise<Collected> {
    const cka = new Collected(this.numBlocks, this.#weightings);
    this.#selves = [];
    for (let a = 0; a < this.#states.count; a++) {
      this.#selves.push(await this.#hsic(a, a));
      for (let b = 1; b <= a && this.#hasValue(a - 1); b++) {
        if (!this.#hasValue(b - 1)) continue;
        if (a === b) cka.putOnes(a - 1, this.#selves[a]!);
        else {
          const values = weightedCka(await this.#hsic(a, b), this.#selves[a]!, this.#selves[b]!);
          cka.put(a - 1, b - 1, values);
          cka.put(b - 1, a - 1, values);
        }
      }
      onRow();
      await pace.breathe();
    }
    return cka;
  }

  /**
   * `cka(u, k)` in every reading, from the probe of each block (null: it does not update the stream). After
   * `compareStates`. `onStart` is called once per state that surrogates start from.
   */
  async followSurrogates(
    probes: readonly (AffineMap | null)[],
    pace: Pace,
    onStart: () => void = () => {},
  ): Promise<PerReading<Collected>> {
    const readings = perReading(() => new Collected(this.numBlocks, this.#weightings, { keepResamples: true }));
    for (let start = -1; start < this.numBlocks; start++) {
      if (start >= 0 && this.#hasValue(start)) {
        readings['block-u/teacher-after-k'].putOnes(start, this.#selves[start + 1]!);
        readings['block-u/teacher-after-u'].putOnes(start, this.#selves[start + 1]!);
      }
      await this.#follow(start, probes, readings, pace);
      onStart();
    }
    return readings;
  }

  /** Both results as a report has them. */
  comparison(cka: Collected, trajectories: PerReading<Collected>): WeightedComparison {
    const { bands, resamples, values, columns, cells } = this.#weightings;
    const similarity = (rows: number, pick: (of: Collected, estimator: CkaEstimator) => Matrix) => ({
      rows,
      cka: perEstimator((estimator) => pick(cka, estimator)),
      trajectories: perEstimator((estimator) => perReading((reading) => pick(trajectories[reading], estimator))),
    });
    const bounds = (of: Collected, estimator: CkaEstimator): MatrixBounds => ({
      low: of.low[estimator],
      high: of.high[estimator],
    });
    const rowsOfBand = (band: number) => {
      let rows = 0;
      for (let cell = 0; cell < cells; cell++) {
        rows += values[cell * columns + 1 + band]! * this.#rows.sizes[cell]!;
      }
      return rows;
    };
    return {
      whole: {
        ...similarity(this.#rows.rows.length, (of, estimator) => of.whole[estimator]),
        bounds:
          resamples === 0
            ? null
            : {
                cka: perEstimator((estimator) => bounds(cka, estimator)),
                trajectories: perEstimator((estimator) =>
                  perReading((reading) => bounds(trajectories[reading], estimator)),
                ),
              },
      },
      bands: Array.from({ length: bands }, (_, band) => ({
        ...similarity(rowsOfBand(band), (of, estimator) => of.bands[band]![estimator]),
        bounds: null,
      })),
      resampled: perEstimator((estimator) => perReading((reading) => trajectories[reading].resamples[estimator])),
    };
  }

  dispose(): void {
    this.#kernels.dispose();
  }

  async #follow(
    start: number,
    probes: readonly (AffineMap | null)[],
    readings: PerReading<Collected>,
    pace: Pace,
  ): Promise<void> {
    const surrogate = this.#kernels.surrogateFrom(start + 1);
    try {
      for (let k = start + 1; k < this.numBlocks; k++) {
        const probe = probes[k];
        if (!probe || !this.#updated[k]) continue;
        surrogate.apply(probe);
        // The state after block i has index i + 1: after k, after u = start + 1, after u = start.
        const targets = [...new Set([k + 1, start + 2, ...(start >= 0 ? [start + 1] : [])])];
        const { kernel, between } = await surrogate.compare(targets);
        const self = this.#hsicOf(kernel, kernel, between[0]!);
        const against = async (state: number): Promise<PerWeighting | null> => {
          if (this.#states.isConstant(state) || !vanishesNot(kernel, this.#states.traces[state]!)) return null;
          const cross = this.#hsicOf(await this.#kernels.kernel(state), kernel, between[1 + targets.indexOf(state)]!);
          return weightedCka(cross, this.#selves[state]!, self);
        };
        const [afterK, afterNext] = [await against(k + 1), await against(start + 2)];
        if (start >= 0) {
          readings['block-u/teacher-after-k'].put(start, k, afterK);
          readings['block-u/teacher-after-u'].put(start, k, await against(start + 1));
        }
        readings['probe-u/teacher-after-k'].put(start + 1, k, afterK);
        readings['probe-u/teacher-after-u'].put(start + 1, k, afterNext);
        await pace.breathe();
      }
    } finally {
      surrogate.dispose();
    }
  }

  /** Whether the block changes the stream, and the state after it varies. */
  #hasValue(block: number): boolean {
    return this.#updated[block] === true && !this.#states.isConstant(block + 1);
  }

  async #hsic(a: number, b: number): Promise<PerWeighting> {
    const between = await this.#kernels.between(a, b);
    return this.#hsicOf(await this.#kernels.kernel(a), await this.#kernels.kernel(b), between);
  }

  #hsicOf(k: CellKernel, l: CellKernel, between: ArrayLike<number>): PerWeighting {
    return weightedHsic(this.#kernels.rows, k, l, between);
  }
}

/** A matrix of blocks as values of every weighting arrive: over all rows, per band, and its bounds. */
class Collected {
  readonly whole: PerEstimator<MutableMatrix>;
  readonly bands: readonly PerEstimator<MutableMatrix>[];
  readonly low: PerEstimator<MutableMatrix>;
  readonly high: PerEstimator<MutableMatrix>;
  /** [M, M, resamples] each; empty unless they are kept. */
  readonly resamples: PerEstimator<Float64Array>;
  readonly #numBlocks: number;
  readonly #weightings: Weightings;

  constructor(numBlocks: number, weightings: Weightings, { keepResamples = false } = {}) {
    const empty = () => perEstimator(() => emptyMatrix(numBlocks));
    this.#numBlocks = numBlocks;
    this.#weightings = weightings;
    this.whole = empty();
    this.bands = Array.from({ length: weightings.bands }, empty);
    this.low = empty();
    this.high = empty();
    const kept = keepResamples ? numBlocks * numBlocks * weightings.resamples : 0;
    this.resamples = perEstimator(() => new Float64Array(kept).fill(Number.NaN));
  }

  /** Null: no weighting has a value there. */
  put(i: number, j: number, values: PerWeighting | null): void {
    if (!values) return;
    for (const estimator of ESTIMATORS) {
      const { whole, bands, resamples } = splitColumns(this.#weightings, values[estimator]);
      this.whole[estimator][i]![j] = Number.isNaN(whole) ? null : whole;
      for (const [band, value] of bands.entries()) this.bands[band]![estimator][i]![j] = sixDigitsOrNull(value);
      const bounds = percentileBounds(resamples);
      this.low[estimator][i]![j] = bounds?.low ?? null;
      this.high[estimator][i]![j] = bounds?.high ?? null;
      if (this.resamples[estimator].length > 0) {
        this.resamples[estimator].set(resamples, (i * this.#numBlocks + j) * resamples.length);
      }
    }
  }

  /** Exactly 1 rather than 1 up to rounding, in each weighting in which the state varies. */
  putOnes(i: number, self: PerWeighting): void {
    const ones = (of: Float64Array) => of.map((value) => (Number.isNaN(value) ? value : 1));
    this.put(i, i, { debiased: ones(self.debiased), biased: ones(self.biased) });
  }
}

function vanishesNot({ traces }: CellKernel, of: number): boolean {
  return traces.reduce((sum, value) => sum + value, 0) > 1e-12 * of;
}

/** [rows, width] of `state`, a copy. */
function pickRows(state: Float32Array, width: number, rows: Uint32Array): Float32Array {
  const picked = new Float32Array(rows.length * width);
  rows.forEach((row, i) => {
    picked.set(state.subarray(row * width, (row + 1) * width), i * width);
  });
  return picked;
}

function emptyMatrix(size: number): MutableMatrix {
  return Array.from({ length: size }, () => Array<number | null>(size).fill(null));
}

function perEstimator<T>(of: (estimator: CkaEstimator) => T): PerEstimator<T> {
  return { debiased: of('debiased'), biased: of('biased') };
}

function perReading<T>(of: (reading: TrajectoryReading) => T): PerReading<T> {
  return {
    'block-u/teacher-after-k': of('block-u/teacher-after-k'),
    'block-u/teacher-after-u': of('block-u/teacher-after-u'),
    'probe-u/teacher-after-k': of('probe-u/teacher-after-k'),
    'probe-u/teacher-after-u': of('probe-u/teacher-after-u'),
  };
}
