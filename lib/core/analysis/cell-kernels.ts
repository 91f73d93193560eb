/**
 * Linear kernels of teacher and surrogate states over held-out rows, known as far as weightings of cells need them: what
 * kernels.ts is for rows that count once. Two forms with the same values: `cell-feature-kernels.ts` works with a d × d
 * product per cell, `cell-sample-kernels.ts` with n × n kernels. Products run on the engine in float32, sums in float64.
 */
import type { AffineMap } from '../model/route.ts';
import type { CellKernel, WeightedRows } from './weighted-cka.ts';

/** Indices are those of the states: 0 is the embedded input, i + 1 the state after block i. */
export interface CellKernels {
  readonly rows: WeightedRows;
  kernel(state: number): Promise<CellKernel>;
  /** Σ KᵢⱼLᵢⱼ over the rows of each pair of cells [cells, cells], of the kernels of two states. */
  between(a: number, b: number): Promise<ArrayLike<number>>;
  /** The surrogate that starts from state `start`; dispose it before the kernels. */
  surrogateFrom(start: number): CellSurrogate;
  dispose(): void;
}

export interface CellSurrogate {
  apply(probe: AffineMap): void;
  /** Its kernel; the sums with itself, then with each of the named states. */
  compare(states: readonly number[]): Promise<{ kernel: CellKernel; between: ArrayLike<number>[] }>;
  dispose(): void;
}
