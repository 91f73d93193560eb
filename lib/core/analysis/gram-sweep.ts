/**
 * CKA, noise bands, resamples and trajectories of one stream from one centred Gram per state, for at most as many judged rows
 * as features. States and probes come one at a time from wherever they are kept; surrogates from all starts advance together,
 * so that each probe is read once.
 */
import type { AffineMap } from '../model/route.ts';
import type { Similarity } from '../report/report.ts';
import type { CellRows } from './held-out-cells.ts';
import type { Pace } from './pace.ts';
import type { ResampledSimilarity } from './resampled-similarity.ts';
import type { Weightings } from './weightings.ts';

/** Where the rows of one stream are kept. Indices of states: 0 is the embedded input, i + 1 the state after block i. */
export interface SweepRows {
  /** The judged rows of a state [rows, width], as they were captured. Asked once for each, ascending, and once more in `follow`. */
  state(index: number): Promise<Float32Array>;
  /** The probe of block k, or null where it does not update the stream. Asked once for each, ascending. */
  probe(block: number): Promise<AffineMap | null>;
  /** The surrogate that starts from a state [rows, width], as last put. */
  surrogate(start: number): Promise<Float32Array>;
  /** The array is the sweep's until the promise settles. */
  putSurrogate(start: number, rows: Float32Array): Promise<void>;
  /** Called once when the surrogate is read no more. */
  dropSurrogate?(start: number): Promise<void>;
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
}

export interface Swept {
  readonly similarity: Similarity;
  readonly resampled: ResampledSimilarity | null;
}

export interface SweepProgress {
  /** Called once per state compared (blocks + 1 times). */
  readonly onState?: () => void;
  /** Called once per block whose probe was applied to all surrogates before it. */
  readonly onBlock?: () => void;
}

/** Bytes held beyond the rows that are being read: one Gram per state, and the bands and resamples of each pair. */
export type SweepGrams = (of: SweepOf, from: SweepRows, pace: Pace, progress?: SweepProgress) => Promise<Swept>;
