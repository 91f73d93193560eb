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
import type {
  CkaEstimator,
  Matrix,
  MatrixBounds,
  PerEstimator,
  PerReading,
  Similarity,
  SimilarityBounds,
  TrajectoryReading,
} from '../report/report.ts';
import { CellKernels } from './cell-kernels.ts';
import { CentredStates } from './centred-states.ts';
import type { CellRows } from './held-out-cells.ts';
import type { Pace } from './pace.ts';
import { percentileBounds, sixDigits } from './percentile-bounds.ts';
import { pickRows } from './pick-rows.ts';
import { type CellKernel, type PerWeighting, weightedCka, weightedHsic } from './weighted-cka.ts';
import type { Weightings } from './weightings.ts';

export const READINGS = [
  'block-u/teacher-after-k',
  'block-u/teacher-after-u',
  'probe-u/teacher-after-k',
  'probe-u/teacher-after-u',
] as const satisfies readonly TrajectoryReading[];
export const ESTIMATORS = ['debiased', 'biased'] as const satisfies readonly CkaEstimator[];

export interface ResampledSimilarity {
  /** All null for readings that are not resampled. */
  readonly bounds: SimilarityBounds;
  /** `cka(u, k)` of every resample, [M, M, resamples]; NaN where it does not exist. Empty for readings that are not resampled. */
  readonly trajectories: PerEstimator<PerReading<Float64Array>>;
  /** One per noise band, over the rows that were read. */
  readonly bands: readonly Similarity[];
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
  const sweep = new Sweep(new CentredStates(picked, rows.rows.length, width), rows, weightings, figures);
  try {
    await sweep.compareStates(pace);
    for (let start = -1; start < states.length - 1; start++) {
      await sweep.follow(start, probes, pace);
      onState();
    }
    return sweep.result();
  } finally {
    sweep.dispose();
  }
}

class Sweep {
  readonly #kernels: CellKernels;
  readonly #cka: Resampled;
  readonly #trajectories: PerReading<Resampled>;
  /** HSIC of each state with itself. */
  readonly #selves: PerWeighting[] = [];

  constructor(
    readonly states: CentredStates,
    readonly rows: CellRows,
    readonly weightings: Weightings,
    figures: Pick<Similarity, 'cka' | 'trajectories'>,
  ) {
    this.#kernels = new CellKernels(states, rows.sizes, weightings);
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

  async compareStates(pace: Pace): Promise<void> {
    for (let a = 0; a < this.states.count; a++) {
      this.#selves.push(await this.#hsic(a, a));
      for (let b = 1; b < a; b++) {
        const values = weightedCka(await this.#hsic(a, b), this.#selves[a]!, this.#selves[b]!);
        this.#cka.put(a - 1, b - 1, values);
        this.#cka.put(b - 1, a - 1, values);
      }
      if (a > 0) this.#cka.putOnes(a - 1, this.#selves[a]!);
      await pace.breathe();
    }
  }

  async follow(start: number, probes: readonly (AffineMap | null)[], pace: Pace): Promise<void> {
    const surrogate = this.#kernels.surrogateFrom(start + 1);
    const readings = this.#trajectories;
    if (start >= 0) {
      readings['block-u/teacher-after-k'].putOnes(start, this.#selves[start + 1]!);
      readings['block-u/teacher-after-u'].putOnes(start, this.#selves[start + 1]!);
    }
    try {
      for (let k = start + 1; k < probes.length; k++) {
        const probe = probes[k];
        if (!probe) continue;
        surrogate.apply(probe);
        // The state after block i has index i + 1: after k, after u = start + 1, after u = start.
        const targets = [...new Set([k + 1, start + 2, ...(start >= 0 ? [start + 1] : [])])];
        const { kernel, between } = await surrogate.compare(targets);
        const self = this.#hsicOf(kernel, kernel, between[0]!);
        const against = new Map<number, PerWeighting>();
        for (const [i, state] of targets.entries()) {
          const count = state === k + 1 ? this.weightings.columns : 1 + this.weightings.bands;
          const cross = this.#hsicOf(await this.#kernels.kernel(state), kernel, between[i + 1]!, count);
          against.set(state, weightedCka(cross, this.#selves[state]!, self));
        }
        if (start >= 0) {
          readings['block-u/teacher-after-k'].put(start, k, against.get(k + 1)!);
          readings['block-u/teacher-after-u'].put(start, k, against.get(start + 1)!);
        }
        readings['probe-u/teacher-after-k'].put(start + 1, k, against.get(k + 1)!);
        readings['probe-u/teacher-after-u'].put(start + 1, k, against.get(start + 2)!);
        await pace.breathe();
      }
    } finally {
      surrogate.dispose();
    }
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

  async #hsic(a: number, b: number): Promise<PerWeighting> {
    const between = await this.#kernels.between(a, b);
    return this.#hsicOf(await this.#kernels.kernel(a), await this.#kernels.kernel(b), between);
  }

  #hsicOf(k: CellKernel, l: CellKernel, between: Float64Array, count?: number): PerWeighting {
    return weightedHsic(this.#kernels.rows, k, l, between, count);
  }
}

type MutableMatrix = (number | null)[][];

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
    const empty = () => Array.from({ length: numBlocks }, () => Array<number | null>(numBlocks).fill(null));
    this.#figures = figures;
    this.#weightings = weightings;
    this.#shifted = new Float64Array(weightings.resamples);
    this.bounds = perEstimator(() => ({ low: empty(), high: empty() }));
    this.bands = Array.from({ length: weightings.bands }, () => perEstimator(empty));
    const kept = keep ? numBlocks * numBlocks * weightings.resamples : 0;
    this.values = perEstimator(() => new Float64Array(kept).fill(Number.NaN));
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
