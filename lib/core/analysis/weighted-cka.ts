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
  /** Kᵢᵢ [n], and its sum over the rows of each cell [cells]. */
  readonly diagonal: Float64Array;
  readonly traces: Float64Array;
  /** Sums of each row over the rows of each cell [n, cells]. */
  readonly perCell: Float32Array;
  /** Kw of every weighting [n, columns], and its sums over the rows of each cell [cells, columns]. */
  readonly products: Float32Array;
  readonly productSums: Float64Array;
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
  { cellOf, weightings: { cells, columns, values } }: WeightedRows,
  diagonal: Float64Array,
  perCell: Float32Array,
  products: Float32Array,
): CellKernel {
  const traces = new Float64Array(cells);
  for (const [row, cell] of cellOf.entries()) traces[cell] = traces[cell]! + diagonal[row]!;
  const betweenCells = sumsOverCells(cellOf, cells, perCell, new Float64Array(cellOf.length).fill(1));
  const productSums = new Float64Array(cells * columns);
  for (let cell = 0; cell < cells; cell++) {
    weigh(productSums.subarray(cell * columns, (cell + 1) * columns), values, columns, betweenCells, cell, cells);
  }
  return { diagonal, traces, perCell, products, productSums };
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
  const { cells, columns, squares } = weightings;
  const sums = rowProducts(cellOf, k, l, cells, columns, count);
  // Sums over all tuples of rows, equal ones included, per weighting. Powers are those of the weights.
  const of = () => new Float64Array(count);
  const [ww, ww2, w2w2, wr, wt] = [of(), of(), of(), of(), of()];
  const [wProducts, w2Products, w2Mixed, w3Mixed] = [of(), of(), of(), of()];
  const [w2Diagonals, w3Diagonals, w4Diagonals, w2k, w2l] = [of(), of(), of(), of(), of()];
  const [row, squaredRow, mixed] = [of(), of(), of()];
  for (let cell = 0; cell < cells; cell++) {
    weigh(row, weightings.values, columns, between, cell, cells);
    weigh(squaredRow, squares, columns, between, cell, cells);
    weigh(mixed, weightings.values, columns, sums.mixed, cell, cells);
    const diagonals = sums.diagonals[cell]!;
    for (let column = 0; column < count; column++) {
      const at = cell * columns + column;
      const w = weightings.values[at]!;
      const w2 = squares[at]!;
      ww[column] = ww[column]! + w * row[column]!;
      ww2[column] = ww2[column]! + w * squaredRow[column]!;
      w2w2[column] = w2w2[column]! + w2 * squaredRow[column]!;
      wr[column] = wr[column]! + w * k.productSums[at]!;
      wt[column] = wt[column]! + w * l.productSums[at]!;
      wProducts[column] = wProducts[column]! + w * sums.products[at]!;
      w2Products[column] = w2Products[column]! + w2 * sums.products[at]!;
      w2Mixed[column] = w2Mixed[column]! + w2 * mixed[column]!;
      w3Mixed[column] = w3Mixed[column]! + w2 * w * mixed[column]!;
      w2Diagonals[column] = w2Diagonals[column]! + w2 * diagonals;
      w3Diagonals[column] = w3Diagonals[column]! + w2 * w * diagonals;
      w4Diagonals[column] = w4Diagonals[column]! + w2 * w2 * diagonals;
      w2k[column] = w2k[column]! + w2 * k.traces[cell]!;
      w2l[column] = w2l[column]! + w2 * l.traces[cell]!;
    }
  }
  const biased = of().map((_, i) => {
    const n = totals[i]!;
    const value = ww[i]! - (2 / n) * wProducts[i]! + (wr[i]! * wt[i]!) / (n * n);
    return k === l && !(value > ROUNDING * ww[i]!) ? Number.NaN : value;
  });
  const debiased = of().map((_, i) => {
    const two = ww[i]! - w2Diagonals[i]!;
    const three = wProducts[i]! - w2Mixed[i]! + w3Diagonals[i]! - (ww2[i]! - w3Diagonals[i]!);
    // What pairs × pairs count beyond quadruples of distinct rows: one row shared, or both.
    const bothShared = w2w2[i]! - w4Diagonals[i]!;
    const oneShared = w2Products[i]! - w3Mixed[i]! + w4Diagonals[i]! - bothShared;
    const four = (wr[i]! - w2k[i]!) * (wt[i]! - w2l[i]!) - 4 * oneShared - 2 * bothShared;
    // There are no quadruples of fewer than four distinct rows.
    if (!(quadruples[i]! > 0)) return Number.NaN;
    const value = two / pairs[i]! + four / quadruples[i]! - (2 * three) / triples[i]!;
    return k === l && !(value > (ROUNDING * ww[i]!) / pairs[i]!) ? Number.NaN : value;
  });
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

/**
 * Sums over the rows of each cell: of (Kw)ᵢ(Lw)ᵢ [cells, columns] and KᵢᵢLᵢᵢ [cells], and what times w gives that of
 * (Kw)ᵢLᵢᵢ + Kᵢᵢ(Lw)ᵢ [cells, cells].
 */
function rowProducts(cellOf: Uint32Array, k: CellKernel, l: CellKernel, cells: number, columns: number, count: number) {
  const products = new Float64Array(cells * columns);
  const diagonals = new Float64Array(cells);
  const [r, t] = [k.products, l.products];
  for (let row = 0; row < cellOf.length; ) {
    const cell = cellOf[row]!;
    const to = cell * columns;
    let end = row;
    while (end < cellOf.length && cellOf[end] === cell) end++;
    for (let i = row; i < end; i++) diagonals[cell] = diagonals[cell]! + k.diagonal[i]! * l.diagonal[i]!;
    for (; row + 3 < end; row += 4) {
      const from = row * columns;
      for (let column = 0; column < count; column++) {
        const a = from + column;
        const b = a + columns;
        const c = b + columns;
        const d = c + columns;
        products[to + column] = products[to + column]! + r[a]! * t[a]! + r[b]! * t[b]! + r[c]! * t[c]! + r[d]! * t[d]!;
      }
    }
    for (; row < end; row++) {
      const from = row * columns;
      for (let column = 0; column < count; column++) {
        products[to + column] = products[to + column]! + r[from + column]! * t[from + column]!;
      }
    }
  }
  const mixed = sumsOverCells(cellOf, cells, k.perCell, l.diagonal);
  const other = sumsOverCells(cellOf, cells, l.perCell, k.diagonal);
  for (let i = 0; i < mixed.length; i++) mixed[i] = mixed[i]! + other[i]!;
  return { products, mixed, diagonals };
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
