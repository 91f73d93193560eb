/**
 * CKA of two sets of rows in which rows count several times or not at all, for many weightings at once and without going
 * back to the rows: rows of one cell share their weight, so that the kernels' products are needed per pair of cells only.
 *
 * Biased: HSIC of the weighted rows, re-centred at their own mean, with w the rows' weights, N their sum and K, L linear
 * kernels centred anywhere:
 *   Σᵢⱼ wᵢwⱼ KᵢⱼLᵢⱼ − 2/N Σᵢ wᵢ (Kw)ᵢ(Lw)ᵢ + (wᵀKw)(wᵀLw)/N².
 * Debiased: the U-statistic of HSIC (Song et al. 2012) over tuples of *distinct* rows, each counted by the product of its
 * weights, where copies of one row are that row and make no pair:
 *   Σ′ wᵢwⱼ KᵢⱼLᵢⱼ / D₂ + Σ′ wᵢwⱼw_q w_r KᵢⱼL_qr / D₄ − 2 Σ′ wᵢwⱼw_q KᵢⱼLᵢ_q / D₃,
 * D the same sums without the kernels. With a kernel value between copies, a resample would find similarity that is a row's
 * with itself. With all weights 1 both are those of cka.ts.
 */
import type { Weightings } from './weightings.ts';

/** Rows and weights of one stream. */
export interface WeightedRows {
  /** Cell of each row [n], ascending; rows of zeros may pad a cell. */
  readonly cellOf: Uint32Array;
  readonly weightings: Weightings;
  /** Σwᵢ, and the numbers D of weighted pairs, triples and quadruples of distinct rows [columns]. */
  readonly totals: Float64Array;
  readonly pairs: Float64Array;
  readonly triples: Float64Array;
  readonly quadruples: Float64Array;
}

/** What is known of one linear kernel K of centred rows. */
export interface CellKernel {
  /** Kᵢᵢ [n] */
  readonly diagonal: Float64Array;
  /** Sums of each row over the rows of each cell [n, cells]. */
  readonly perCell: Float32Array;
  /** Kw of every weighting [n, columns], and wᵀKw and Σ wᵢ²Kᵢᵢ [columns]. */
  readonly products: Float32Array;
  readonly quadratics: Float64Array;
  readonly squareTraces: Float64Array;
}

/** One number per weighting; NaN where it does not exist. */
export interface PerWeighting {
  readonly debiased: Float64Array;
  readonly biased: Float64Array;
}

/** A self-similarity below this share of what it is a difference of is what float32 products leave of zero. */
const ROUNDING = 1e-6;

/** `sizes`: true rows of each cell, padding not counted [cells]. */
export function weightRows(cellOf: Uint32Array, sizes: Uint32Array, weightings: Weightings): WeightedRows {
  const { cells, columns, values } = weightings;
  const totals = new Float64Array(columns);
  const pairs = new Float64Array(columns);
  const triples = new Float64Array(columns);
  const quadruples = new Float64Array(columns);
  for (let column = 0; column < columns; column++) {
    let [p1, p2, p3, p4] = [0, 0, 0, 0];
    for (let cell = 0; cell < cells; cell++) {
      const w = values[cell * columns + column]!;
      p1 += sizes[cell]! * w;
      p2 += sizes[cell]! * w ** 2;
      p3 += sizes[cell]! * w ** 3;
      p4 += sizes[cell]! * w ** 4;
    }
    totals[column] = p1;
    pairs[column] = p1 ** 2 - p2;
    triples[column] = p1 ** 3 - 3 * p1 * p2 + 2 * p3;
    quadruples[column] = p1 ** 4 - 6 * p1 ** 2 * p2 + 3 * p2 ** 2 + 8 * p1 * p3 - 6 * p4;
  }
  return { cellOf, weightings, totals, pairs, triples, quadruples };
}

/** `perCell` [n, cells] and `products` [n, columns] as in `CellKernel`. */
export function cellKernel(
  { cellOf, weightings: { cells, columns, values, squares } }: WeightedRows,
  diagonal: Float64Array,
  perCell: Float32Array,
  products: Float32Array,
): CellKernel {
  const traces = new Float64Array(cells);
  for (const [row, cell] of cellOf.entries()) traces[cell] = traces[cell]! + diagonal[row]!;
  const betweenCells = sumsOverCells(cellOf, cells, perCell, new Float64Array(cellOf.length).fill(1));
  const quadratics = new Float64Array(columns);
  const squareTraces = new Float64Array(columns);
  const sums = new Float64Array(columns);
  for (let cell = 0; cell < cells; cell++) {
    weigh(sums, values, columns, betweenCells, cell, cells);
    for (let column = 0; column < columns; column++) {
      const at = cell * columns + column;
      quadratics[column] = quadratics[column]! + values[at]! * sums[column]!;
      squareTraces[column] = squareTraces[column]! + squares[at]! * traces[cell]!;
    }
  }
  return { diagonal, perCell, products, quadratics, squareTraces };
}

/**
 * HSIC of kernels K and L under the first `count` weightings, by default all. `between`: Σ KᵢⱼLᵢⱼ over the rows of each pair
 * of cells [cells, cells], symmetric.
 */
export function weightedHsic(
  { cellOf, weightings, totals, pairs, triples, quadruples }: WeightedRows,
  k: CellKernel,
  l: CellKernel,
  between: ArrayLike<number>,
  count: number = weightings.columns,
): PerWeighting {
  const { cells, columns, values, squares } = weightings;
  const mixedSums = mixedSumsOf(cellOf, cells, k, l);
  // Sums over all tuples of rows, equal ones included, per weighting. Powers are those of the weights. In one array, as many
  // small ones keep the collector of garbage busy.
  const scratch = new Float64Array(14 * count);
  const part = (index: number) => scratch.subarray(index * count, (index + 1) * count);
  const [ww, ww2, w2w2, wProducts, w2Products] = [part(0), part(1), part(2), part(3), part(4)];
  const [w2Mixed, w3Mixed, w2Diagonals, w3Diagonals, w4Diagonals] = [part(5), part(6), part(7), part(8), part(9)];
  const [row, squaredRow, mixed, products] = [part(10), part(11), part(12), part(13)];
  for (let cell = 0, start = 0; cell < cells; cell++) {
    let end = start;
    while (end < cellOf.length && cellOf[end] === cell) end++;
    weigh(row, values, columns, between, cell, cells);
    weigh(squaredRow, squares, columns, between, cell, cells);
    weigh(mixed, values, columns, mixedSums, cell, cells);
    sumProducts(products, k.products, l.products, columns, start, end);
    let diagonals = 0;
    for (let i = start; i < end; i++) diagonals += k.diagonal[i]! * l.diagonal[i]!;
    for (let column = 0; column < count; column++) {
      const at = cell * columns + column;
      const w = values[at]!;
      // Where a cell does not count, all of its shares are zero.
      if (w === 0) continue;
      const w2 = squares[at]!;
      const [squared, product, mix] = [squaredRow[column]!, products[column]!, mixed[column]!];
      ww[column] = ww[column]! + w * row[column]!;
      ww2[column] = ww2[column]! + w * squared;
      w2w2[column] = w2w2[column]! + w2 * squared;
      wProducts[column] = wProducts[column]! + w * product;
      w2Products[column] = w2Products[column]! + w2 * product;
      w2Mixed[column] = w2Mixed[column]! + w2 * mix;
      w3Mixed[column] = w3Mixed[column]! + w2 * w * mix;
      w2Diagonals[column] = w2Diagonals[column]! + w2 * diagonals;
      w3Diagonals[column] = w3Diagonals[column]! + w2 * w * diagonals;
      w4Diagonals[column] = w4Diagonals[column]! + w2 * w2 * diagonals;
    }
    start = end;
  }
  const biased = new Float64Array(count);
  const debiased = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const n = totals[i]!;
    const [wr, wt] = [k.quadratics[i]!, l.quadratics[i]!];
    const whole = ww[i]! - (2 / n) * wProducts[i]! + (wr * wt) / (n * n);
    biased[i] = k === l && !(whole > ROUNDING * ww[i]!) ? Number.NaN : whole;

    const two = ww[i]! - w2Diagonals[i]!;
    const three = wProducts[i]! - w2Mixed[i]! + w3Diagonals[i]! - (ww2[i]! - w3Diagonals[i]!);
    // What pairs × pairs count beyond quadruples of distinct rows: one row shared, or both.
    const bothShared = w2w2[i]! - w4Diagonals[i]!;
    const oneShared = w2Products[i]! - w3Mixed[i]! + w4Diagonals[i]! - bothShared;
    const four = (wr - k.squareTraces[i]!) * (wt - l.squareTraces[i]!) - 4 * oneShared - 2 * bothShared;
    // There are no quadruples of fewer than four distinct rows.
    const value = quadruples[i]! > 0 ? two / pairs[i]! + four / quadruples[i]! - (2 * three) / triples[i]! : Number.NaN;
    debiased[i] = k === l && !(value > (ROUNDING * ww[i]!) / pairs[i]!) ? Number.NaN : value;
  }
  return { biased, debiased };
}

/** CKA from the HSIC of both kernels and of each with itself. */
export function weightedCka(cross: PerWeighting, a: PerWeighting, b: PerWeighting): PerWeighting {
  return { debiased: ratios(cross.debiased, a.debiased, b.debiased), biased: ratios(cross.biased, a.biased, b.biased) };
}

function ratios(cross: Float64Array, a: Float64Array, b: Float64Array): Float64Array {
  return cross.map((value, i) => {
    const ratio = value / (Math.sqrt(a[i]!) * Math.sqrt(b[i]!));
    return Number.isFinite(ratio) ? Math.min(1, Math.max(-1, ratio)) : Number.NaN;
  });
}

/** target = row `cell` of `matrix` [cells, cells] times the first columns of `weights` [cells, columns]. */
function weigh(
  target: Float64Array,
  weights: Float64Array,
  columns: number,
  matrix: ArrayLike<number>,
  cell: number,
  cells: number,
): void {
  const count = target.length;
  const row = cell * cells;
  target.fill(0);
  let other = 0;
  // Four at a time: what costs is to read and write the target.
  for (; other + 3 < cells; other += 4) {
    const [a, b, c, d] = [
      matrix[row + other]!,
      matrix[row + other + 1]!,
      matrix[row + other + 2]!,
      matrix[row + other + 3]!,
    ];
    const at = other * columns;
    for (let column = 0; column < count; column++) {
      const i = at + column;
      target[column] =
        target[column]! +
        a * weights[i]! +
        b * weights[i + columns]! +
        c * weights[i + 2 * columns]! +
        d * weights[i + 3 * columns]!;
    }
  }
  for (; other < cells; other++) {
    const value = matrix[row + other]!;
    const from = other * columns;
    for (let column = 0; column < count; column++) target[column] = target[column]! + value * weights[from + column]!;
  }
}

/** target = Σ (Kw)ᵢ(Lw)ᵢ over the rows `start` to `end` − 1, of the first columns of both [n, columns]. */
function sumProducts(
  target: Float64Array,
  r: Float32Array,
  t: Float32Array,
  columns: number,
  start: number,
  end: number,
): void {
  const count = target.length;
  target.fill(0);
  let row = start;
  for (; row + 3 < end; row += 4) {
    const from = row * columns;
    for (let column = 0; column < count; column++) {
      const a = from + column;
      const b = a + columns;
      const c = b + columns;
      const d = c + columns;
      target[column] = target[column]! + r[a]! * t[a]! + r[b]! * t[b]! + r[c]! * t[c]! + r[d]! * t[d]!;
    }
  }
  for (; row < end; row++) {
    const from = row * columns;
    for (let column = 0; column < count; column++) {
      target[column] = target[column]! + r[from + column]! * t[from + column]!;
    }
  }
}

/** What times w gives the sums of (Kw)ᵢLᵢᵢ + Kᵢᵢ(Lw)ᵢ over the rows of each cell [cells, cells]. */
function mixedSumsOf(cellOf: Uint32Array, cells: number, k: CellKernel, l: CellKernel): Float64Array {
  const mixed = sumsOverCells(cellOf, cells, k.perCell, l.diagonal);
  const other = k === l ? mixed : sumsOverCells(cellOf, cells, l.perCell, k.diagonal);
  for (let i = 0; i < mixed.length; i++) mixed[i] = mixed[i]! + other[i]!;
  return mixed;
}

/** Σ factorᵢ · perCell[i] over the rows of each cell [cells, cells]. */
function sumsOverCells(cellOf: Uint32Array, cells: number, perCell: Float32Array, factor: Float64Array): Float64Array {
  const sums = new Float64Array(cells * cells);
  for (let row = 0; row < cellOf.length; row++) {
    const [from, to] = [row * cells, cellOf[row]! * cells];
    const by = factor[row]!;
    for (let cell = 0; cell < cells; cell++) sums[to + cell] = sums[to + cell]! + by * perCell[from + cell]!;
  }
  return sums;
}
