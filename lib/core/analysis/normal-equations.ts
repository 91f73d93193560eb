/**
 * The sums that a least-squares fit needs, in float64: centred, equilibrated Gram matrix of the inputs and its product
 * with the updates. Columns are centred and scaled to unit norm first, so that a few massive activations (1e3 times the
 * rest, common in diffusion transformers) do not cost the digits of all others.
 */
import type { Float64Algebra } from './float64-algebra.ts';
import type { Pace } from './pace.ts';

/** Chosen rows of one stream before and after one block. */
export interface BlockRows {
  /** Stream before the block [n, d]. */
  readonly input: Float32Array;
  /** Stream after the block [n, d]. */
  readonly output: Float32Array;
  readonly width: number;
  /** Which rows of both to use. */
  readonly rows: Uint32Array;
}

export interface ColumnMoments {
  readonly inputMean: Float64Array;
  readonly updateMean: Float64Array;
  /** Norm of each centred input column [d]; infinite for a constant column, whose weights are therefore 0. */
  readonly scale: Float64Array;
}

export interface NormalEquations extends ColumnMoments {
  /** Correlations of the inputs [d, d]; a constant column has 1 on the diagonal and 0 elsewhere. */
  readonly gram: Float64Array;
  /** Centred updates times scaled inputs [d, d], row = output feature. */
  readonly product: Float64Array;
}

/** Rows whose sums are added up at once. */
const PANEL_ROWS = 2048;
/** Features that are held in float64 at once. */
const CHUNK_FEATURES = 512;
/** A column whose deviations are below this share of its magnitude carries rounding only. */
const CONSTANT_COLUMN = 1e-7;

export async function sumNormalEquations(
  data: BlockRows,
  algebra: Float64Algebra,
  pace: Pace,
): Promise<NormalEquations> {
  const { width: d, rows } = data;
  const moments = columnMoments(data);
  const gram = new Float64Array(d * d);
  const product = new Float64Array(d * d);
  for (let start = 0; start < rows.length; start += PANEL_ROWS) {
    const panel = { ...data, rows: rows.subarray(start, start + PANEL_ROWS) };
    const chunks = new FeatureChunks(panel, moments);
    const x = chunks.inputs(0, d);
    addTo(gram, await algebra.productTransposed(x, x, d, d, panel.rows.length, pace));
    addTo(product, await algebra.productTransposed(chunks.updates(0, d), x, d, d, panel.rows.length, pace));
  }
  for (let j = 0; j < d; j++) if (gram[j * d + j] === 0) gram[j * d + j] = 1;
  return { gram, product, ...moments };
}

function addTo(sum: Float64Array, part: Float64Array): void {
  for (let i = 0; i < part.length; i++) sum[i] = sum[i]! + part[i]!;
}

export function columnMoments({ input, output, width: d, rows }: BlockRows): ColumnMoments {
  const inputMean = new Float64Array(d);
  const updateMean = new Float64Array(d);
  for (const row of rows) {
    for (let j = 0; j < d; j++) {
      const x = input[row * d + j]!;
      inputMean[j] = inputMean[j]! + x;
      updateMean[j] = updateMean[j]! + (output[row * d + j]! - x);
    }
  }
  for (let j = 0; j < d; j++) {
    inputMean[j] = inputMean[j]! / rows.length;
    updateMean[j] = updateMean[j]! / rows.length;
  }
  const scale = new Float64Array(d);
  for (const row of rows) {
    for (let j = 0; j < d; j++) scale[j] = scale[j]! + (input[row * d + j]! - inputMean[j]!) ** 2;
  }
  for (let j = 0; j < d; j++) {
    const norm = Math.sqrt(scale[j]!);
    const rounding = CONSTANT_COLUMN * Math.abs(inputMean[j]!) * Math.sqrt(rows.length);
    scale[j] = norm > rounding ? norm : Number.POSITIVE_INFINITY;
  }
  return { inputMean, updateMean, scale };
}

/** Centred, scaled inputs and centred updates of a few features at a time, feature-major [count, n]. */
export class FeatureChunks implements Iterable<{ readonly from: number; readonly count: number }> {
  constructor(
    readonly data: BlockRows,
    readonly moments: ColumnMoments,
  ) {}

  *[Symbol.iterator]() {
    const { width } = this.data;
    for (let from = 0; from < width; from += CHUNK_FEATURES)
      yield { from, count: Math.min(CHUNK_FEATURES, width - from) };
  }

  inputs(from: number, count: number): Float64Array {
    const { input, width: d, rows } = this.data;
    const values = new Float64Array(count * rows.length);
    this.#inTiles(count, (j, top, bottom) => {
      const [mean, norm] = [this.moments.inputMean[from + j]!, this.moments.scale[from + j]!];
      const to = j * rows.length;
      for (let r = top; r < bottom; r++) values[to + r] = (input[rows[r]! * d + from + j]! - mean) / norm;
    });
    return values;
  }

  updates(from: number, count: number): Float64Array {
    const { input, output, width: d, rows } = this.data;
    const values = new Float64Array(count * rows.length);
    this.#inTiles(count, (j, top, bottom) => {
      const mean = this.moments.updateMean[from + j]!;
      const to = j * rows.length;
      for (let r = top; r < bottom; r++) {
        const at = rows[r]! * d + from + j;
        values[to + r] = output[at]! - input[at]! - mean;
      }
    });
    return values;
  }

  /** Each feature over a few rows at a time, as each value is read or written far from the last. */
  #inTiles(count: number, fill: (feature: number, top: number, bottom: number) => void): void {
    const { length } = this.data.rows;
    for (let top = 0; top < length; top += TILE) {
      for (let j = 0; j < count; j++) fill(j, top, Math.min(length, top + TILE));
    }
  }
}

/** [columns, rows] of a matrix [rows, columns]. In tiles, as one of both is read far apart. */
export function transposed(matrix: Float64Array, rows: number, columns: number): Float64Array {
  const result = new Float64Array(matrix.length);
  for (let top = 0; top < rows; top += TILE) {
    const bottom = Math.min(rows, top + TILE);
    for (let j = 0; j < columns; j++) {
      for (let i = top; i < bottom; i++) result[j * rows + i] = matrix[i * columns + j]!;
    }
  }
  return result;
}

const TILE = 32;
