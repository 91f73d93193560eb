/** The matrices that CKA and trajectories are read from, while they are being filled. */
import type { CkaEstimator, Matrix, PerEstimator, PerReading, TrajectoryReading } from '../report/report.ts';
import type { CkaValues } from './cka.ts';

export const READINGS = [
  'block-u/teacher-after-k',
  'block-u/teacher-after-u',
  'probe-u/teacher-after-k',
  'probe-u/teacher-after-u',
] as const satisfies readonly TrajectoryReading[];
export const ESTIMATORS = ['debiased', 'biased'] as const satisfies readonly CkaEstimator[];

export type MutableMatrix = (number | null)[][];

export function perEstimator<T>(of: (estimator: CkaEstimator) => T): PerEstimator<T> {
  return { debiased: of('debiased'), biased: of('biased') };
}

export function perReading<T>(of: (reading: TrajectoryReading) => T): PerReading<T> {
  return {
    'block-u/teacher-after-k': of('block-u/teacher-after-k'),
    'block-u/teacher-after-u': of('block-u/teacher-after-u'),
    'probe-u/teacher-after-k': of('probe-u/teacher-after-k'),
    'probe-u/teacher-after-u': of('probe-u/teacher-after-u'),
  };
}

export function emptyMatrix(size: number): MutableMatrix {
  return Array.from({ length: size }, () => Array<number | null>(size).fill(null));
}

export function putValues(matrices: PerEstimator<MutableMatrix>, i: number, j: number, values: CkaValues): void {
  matrices.debiased[i]![j] = values.debiased;
  matrices.biased[i]![j] = values.biased;
}

/**
 * `cka(u, k)` in every reading: the surrogate that starts from the state after block s and applies the probes of s + 1 … k is
 * `block-u` for u = s and `probe-u` for u = s + 1.
 */
export class Trajectories {
  readonly values: PerEstimator<PerReading<MutableMatrix>>;

  constructor(numBlocks: number) {
    this.values = perEstimator(() => perReading(() => emptyMatrix(numBlocks)));
  }

  /** The state after block u is like itself. */
  putStart(u: number): void {
    for (const estimator of ESTIMATORS) {
      this.values[estimator]['block-u/teacher-after-k'][u]![u] = 1;
      this.values[estimator]['block-u/teacher-after-u'][u]![u] = 1;
    }
  }

  /** The surrogate from the state after block `start` (−1: the embedded input), against the states after k, `start` and `start` + 1. */
  put(start: number, k: number, afterK: CkaValues, afterStart: CkaValues, afterNext: CkaValues): void {
    for (const estimator of ESTIMATORS) {
      const readings = this.values[estimator];
      if (start >= 0) {
        readings['block-u/teacher-after-k'][start]![k] = afterK[estimator];
        readings['block-u/teacher-after-u'][start]![k] = afterStart[estimator];
      }
      readings['probe-u/teacher-after-k'][start + 1]![k] = afterK[estimator];
      readings['probe-u/teacher-after-u'][start + 1]![k] = afterNext[estimator];
    }
  }

  result(): PerEstimator<PerReading<Matrix>> {
    return this.values;
  }
}
