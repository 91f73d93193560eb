/**
 * The sums that a least-squares fit needs, in float64: centred, equilibrated Gram matrix of the inputs and its product
 * with the updates. Columns are centred and scaled to unit norm first, so that a few massive activations (1e3 times the
 * rest, common in diffusion transformers) do not cost the digits of all others. Rows come in panels, feature-major, and
 * products in 4 × 4 register tiles: what a plain loop leaves to memory is what makes it slow.
 */
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

export interface NormalEquations {
  /** Correlations of the inputs [d, d], lower triangle; a constant column has 1 on the diagonal and 0 elsewhere. */
  readonly gram: Float64Array;
  /** Scaled inputs times centred updates [d, d]. */
  readonly product: Float64Array;
  readonly inputMean: Float64Array;
  readonly updateMean: Float64Array;
  /** Norm of each centred input column [d]; infinite for a constant column, whose weights are therefore 0. */
  readonly scale: Float64Array;
}

const PANEL_ROWS = 256;
/** A column whose deviations are below this share of its magnitude carries rounding only. */
const CONSTANT_COLUMN = 1e-7;

export async function sumNormalEquations(data: BlockRows, pace: Pace): Promise<NormalEquations> {
  const { width: d } = data;
  const { inputMean, updateMean, scale } = columnMoments(data);
  const padded = (d + 3) & ~3;
  const gram = new Float64Array(padded * padded);
  const product = new Float64Array(padded * padded);
  const x = new Float64Array(padded * PANEL_ROWS);
  const u = new Float64Array(padded * PANEL_ROWS);
  for (let start = 0; start < data.rows.length; start += PANEL_ROWS) {
    fillPanel(data, start, inputMean, updateMean, scale, x, u);
    for (let i = 0; i < padded; i += 4) {
      for (let j = 0; j <= i; j += 4) addTile(gram, padded, x, x, i, j);
      for (let j = 0; j < padded; j += 4) addTile(product, padded, x, u, i, j);
      if (pace.due()) await pace.rest();
    }
  }
  const unpaddedGram = unpad(gram, padded, d);
  for (let j = 0; j < d; j++) if (unpaddedGram[j * d + j] === 0) unpaddedGram[j * d + j] = 1;
  return { gram: unpaddedGram, product: unpad(product, padded, d), inputMean, updateMean, scale };
}

function columnMoments({ input, output, width: d, rows }: BlockRows) {
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

/** Rows beyond the last one are zero and add nothing. */
function fillPanel(
  { input, output, width: d, rows }: BlockRows,
  start: number,
  inputMean: Float64Array,
  updateMean: Float64Array,
  scale: Float64Array,
  x: Float64Array,
  u: Float64Array,
): void {
  const count = Math.min(PANEL_ROWS, rows.length - start);
  for (let r = 0; r < count; r++) {
    const at = rows[start + r]! * d;
    for (let j = 0; j < d; j++) {
      const value = input[at + j]!;
      x[j * PANEL_ROWS + r] = (value - inputMean[j]!) / scale[j]!;
      u[j * PANEL_ROWS + r] = output[at + j]! - value - updateMean[j]!;
    }
  }
  if (count === PANEL_ROWS) return;
  for (let j = 0; j < d; j++) {
    x.fill(0, j * PANEL_ROWS + count, (j + 1) * PANEL_ROWS);
    u.fill(0, j * PANEL_ROWS + count, (j + 1) * PANEL_ROWS);
  }
}

/** sums[i..i+3][j..j+3] += a[i..i+3] · b[j..j+3], rows of the feature-major panels. */
function addTile(sums: Float64Array, stride: number, a: Float64Array, b: Float64Array, i: number, j: number): void {
  const a0 = i * PANEL_ROWS;
  const a1 = a0 + PANEL_ROWS;
  const a2 = a1 + PANEL_ROWS;
  const a3 = a2 + PANEL_ROWS;
  const b0 = j * PANEL_ROWS;
  const b1 = b0 + PANEL_ROWS;
  const b2 = b1 + PANEL_ROWS;
  const b3 = b2 + PANEL_ROWS;
  let [s00, s01, s02, s03] = [0, 0, 0, 0];
  let [s10, s11, s12, s13] = [0, 0, 0, 0];
  let [s20, s21, s22, s23] = [0, 0, 0, 0];
  let [s30, s31, s32, s33] = [0, 0, 0, 0];
  for (let r = 0; r < PANEL_ROWS; r++) {
    const x0 = a[a0 + r]!;
    const x1 = a[a1 + r]!;
    const x2 = a[a2 + r]!;
    const x3 = a[a3 + r]!;
    const y0 = b[b0 + r]!;
    const y1 = b[b1 + r]!;
    const y2 = b[b2 + r]!;
    const y3 = b[b3 + r]!;
    s00 += x0 * y0;
    s01 += x0 * y1;
    s02 += x0 * y2;
    s03 += x0 * y3;
    s10 += x1 * y0;
    s11 += x1 * y1;
    s12 += x1 * y2;
    s13 += x1 * y3;
    s20 += x2 * y0;
    s21 += x2 * y1;
    s22 += x2 * y2;
    s23 += x2 * y3;
    s30 += x3 * y0;
    s31 += x3 * y1;
    s32 += x3 * y2;
    s33 += x3 * y3;
  }
  const tile = [s00, s01, s02, s03, s10, s11, s12, s13, s20, s21, s22, s23, s30, s31, s32, s33];
  for (let row = 0; row < 4; row++) {
    const at = (i + row) * stride + j;
    for (let column = 0; column < 4; column++) sums[at + column] = sums[at + column]! + tile[row * 4 + column]!;
  }
}

function unpad(padded: Float64Array, stride: number, d: number): Float64Array {
  if (stride === d) return padded;
  const matrix = new Float64Array(d * d);
  for (let i = 0; i < d; i++) matrix.set(padded.subarray(i * stride, i * stride + d), i * d);
  return matrix;
}
