/**
 * Products, Cholesky factors and solves of any size, from one kernel that adds products of blocks (float64-kernel.ts). Right
 * sides are rows, so that a solve is a product with the transposed factor too; diagonal blocks are inverted.
 */
import type { Factored, Float64Algebra, Numbers } from './float64-algebra.ts';
import type { ProductKernel } from './float64-kernel.ts';
import type { Pace } from './pace.ts';

/** Rows and features that are multiplied at once: a panel of A stays in the cache. */
const [PANEL_ROWS, PANEL_FEATURES] = [64, 256];
/** Order of the blocks on the diagonal. */
const BLOCK = 32;
/** Right sides that are solved at once. */
const SOLVED_ROWS = 256;
/** Smallest pivot accepted, relative to the diagonal entry it came from. */
const PIVOT_TOLERANCE = 1e-14;

const upTo4 = (n: number) => (n + 3) & ~3;

export class BlockedAlgebra implements Float64Algebra {
  constructor(readonly kernel: ProductKernel) {}

  async productTransposed(a: Numbers, b: Numbers, n: number, m: number, d: number, pace: Pace): Promise<Float64Array> {
    const product = new Float64Array(n * m);
    const symmetric = a === b && n === m;
    const features = Math.min(PANEL_FEATURES, upTo4(d));
    const stride = upTo4(m);
    const [atA, atB] = [PANEL_ROWS * stride, PANEL_ROWS * (stride + features)];
    await this.kernel(atB + stride * features, async ({ values, addProduct }) => {
      for (let row = 0; row < n; row += PANEL_ROWS) {
        const rows = Math.min(PANEL_ROWS, n - row);
        const columns = symmetric ? row + rows : m;
        values.fill(0, 0, PANEL_ROWS * stride);
        for (let from = 0; from < d; from += features) {
          const count = Math.min(features, d - from);
          pack(values, { at: atA, stride: features }, a, { row, rows, d, from, count });
          pack(values, { at: atB, stride: features }, b, { row: 0, rows: columns, d, from, count });
          addProduct(0, stride, atA, features, atB, features, upTo4(rows), upTo4(columns), upTo4(count), 1);
          if (pace.due()) await pace.rest();
        }
        for (let i = 0; i < rows; i++) {
          product.set(values.subarray(i * stride, i * stride + columns), (row + i) * m);
        }
      }
    });
    if (symmetric) mirror(product, n);
    return product;
  }

  async factor(k: Float64Array, n: number, pace: Pace): Promise<Factored | null> {
    const size = Math.ceil(n / BLOCK) * BLOCK;
    const [atPanel, atInverse] = [size * size, size * (size + BLOCK)];
    return await this.kernel(atInverse + BLOCK * BLOCK, async ({ values, addProduct }) => {
      values.fill(0, 0, size * size);
      for (let i = 0; i < n; i++) values.set(k.subarray(i * n, i * n + i + 1), i * size);
      for (let i = n; i < size; i++) values[i * size + i] = 1;
      const before = Float64Array.from({ length: size }, (_, i) => values[i * size + i]!);
      const inverses = new Float64Array(size * BLOCK);
      for (let at = 0; at < size; at += BLOCK) {
        const diagonal = at * size + at;
        const [under, below] = [diagonal + BLOCK * size, size - at - BLOCK];
        // What the columns before this block leave of it and of what is under it.
        if (at > 0) addProduct(diagonal, size, at * size, size, at * size, size, below + BLOCK, BLOCK, at, -1);
        if (!factorBlock(values, diagonal, size, before.subarray(at, at + BLOCK))) return null;
        const inverse = inverseOf(values, diagonal, size);
        inverses.set(inverse, at * BLOCK);
        if (below > 0) {
          values.set(inverse, atInverse);
          values.fill(0, atPanel, atPanel + below * BLOCK);
          addProduct(atPanel, BLOCK, under, size, atInverse, BLOCK, below, BLOCK, BLOCK, 1);
          copyBlock(values, under, size, atPanel, below);
        }
        if (pace.due()) await pace.rest();
      }
      return new BlockedFactor(this.kernel, values.slice(0, size * size), inverses, n, size);
    });
  }
}

class BlockedFactor implements Factored {
  /** `lower` [size, size] with zeros above, `inverses` of its diagonal blocks [size, BLOCK]. */
  constructor(
    readonly kernel: ProductKernel,
    readonly lower: Float64Array,
    readonly inverses: Float64Array,
    readonly n: number,
    readonly size: number,
  ) {}

  forward(b: Float64Array, rows: number, pace: Pace): Promise<Float64Array> {
    return this.#solved(b, rows, pace, 'forward');
  }

  async solve(b: Float64Array, rows: number, pace: Pace): Promise<Float64Array> {
    return await this.#solved(await this.forward(b, rows, pace), rows, pace, 'backward');
  }

  dispose(): void {}

  /** B·L⁻ᵀ, or B·L⁻¹ backward. */
  async #solved(b: Float64Array, rows: number, pace: Pace, way: 'forward' | 'backward'): Promise<Float64Array> {
    const { n, size, inverses } = this;
    const solved = new Float64Array(rows * n);
    const most = upTo4(Math.min(SOLVED_ROWS, rows));
    const atRight = size * size;
    const atBlock = atRight + most * size;
    const atInverse = atBlock + BLOCK * most;
    const starts = Array.from({ length: size / BLOCK }, (_, i) => i * BLOCK);
    await this.kernel(atInverse + BLOCK * BLOCK, async ({ values, addProduct }) => {
      values.set(way === 'forward' ? this.lower : transposed(this.lower, size));
      for (let row = 0; row < rows; row += most) {
        const count = Math.min(most, rows - row);
        values.fill(0, atRight, atBlock);
        for (let i = 0; i < count; i++) values.set(b.subarray((row + i) * n, (row + i + 1) * n), atRight + i * size);
        for (const at of way === 'forward' ? starts : starts.toReversed()) {
          // X_J = (B_J − X_before · L_Jᵀ) · L_JJ⁻ᵀ; backward, X_behind and the rows of Lᵀ.
          const [from, known] = way === 'forward' ? [0, at] : [at + BLOCK, size - at - BLOCK];
          const x = atRight + at;
          if (known > 0) addProduct(x, size, atRight + from, size, at * size + from, size, most, BLOCK, known, -1);
          const inverse = inverses.subarray(at * BLOCK, (at + BLOCK) * BLOCK);
          values.set(way === 'forward' ? inverse : transposed(inverse, BLOCK), atInverse);
          values.fill(0, atBlock, atInverse);
          addProduct(atBlock, BLOCK, x, size, atInverse, BLOCK, most, BLOCK, BLOCK, 1);
          copyBlock(values, x, size, atBlock, most);
          if (pace.due()) await pace.rest();
        }
        for (let i = 0; i < count; i++) {
          solved.set(values.subarray(atRight + i * size, atRight + i * size + n), (row + i) * n);
        }
      }
    });
    return solved;
  }
}

/** Rows [rows, BLOCK] from `from` to a matrix of `stride` features at `to`. */
function copyBlock(values: Float64Array, to: number, stride: number, from: number, rows: number): void {
  for (let i = 0; i < rows; i++) values.copyWithin(to + i * stride, from + i * BLOCK, from + (i + 1) * BLOCK);
}

/** `count` features from `from` on of rows of a matrix [·, d], with zeros up to multiples of 4. */
function pack(
  values: Float64Array,
  to: { readonly at: number; readonly stride: number },
  matrix: Numbers,
  { row, rows, d, from, count }: Record<'row' | 'rows' | 'd' | 'from' | 'count', number>,
): void {
  for (let i = 0; i < rows; i++) {
    const start = (row + i) * d + from;
    const at = to.at + i * to.stride;
    values.set(matrix.subarray(start, start + count), at);
    values.fill(0, at + count, at + upTo4(count));
  }
  values.fill(0, to.at + rows * to.stride, to.at + upTo4(rows) * to.stride);
}

/** L of one block on the diagonal, in place, with zeros above; false where a pivot is too small. */
function factorBlock(memory: Float64Array, at: number, stride: number, before: Float64Array): boolean {
  for (let i = 0; i < BLOCK; i++) {
    const row = at + i * stride;
    for (let j = 0; j <= i; j++) {
      const other = at + j * stride;
      let sum = memory[row + j]!;
      for (let p = 0; p < j; p++) sum -= memory[row + p]! * memory[other + p]!;
      if (j < i) memory[row + j] = sum / memory[other + j]!;
      else if (sum > PIVOT_TOLERANCE * before[i]!) memory[row + i] = Math.sqrt(sum);
      else return false;
    }
    memory.fill(0, row + i + 1, row + BLOCK);
  }
  return true;
}

/** Of the lower triangle [BLOCK, BLOCK] at `at`. */
function inverseOf(memory: Float64Array, at: number, stride: number): Float64Array {
  const inverse = new Float64Array(BLOCK * BLOCK);
  for (let i = 0; i < BLOCK; i++) {
    const diagonal = memory[at + i * stride + i]!;
    for (let j = 0; j <= i; j++) {
      let sum = i === j ? 1 : 0;
      for (let p = j; p < i; p++) sum -= memory[at + i * stride + p]! * inverse[p * BLOCK + j]!;
      inverse[i * BLOCK + j] = sum / diagonal;
    }
  }
  return inverse;
}

function transposed(matrix: Float64Array, n: number): Float64Array {
  const result = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) result[j * n + i] = matrix[i * n + j]!;
  return result;
}

/** The upper triangle from the lower one. */
function mirror(matrix: Float64Array, n: number): void {
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) matrix[j * n + i] = matrix[i * n + j]!;
}
