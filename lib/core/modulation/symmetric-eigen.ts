/**
 * Eigenvalues and eigenvectors of a symmetric matrix by cyclic Jacobi rotations, in float64: small eigenvalues come out as precise as
 * large ones, and the matrices here have at most some hundred rows. Golub and Van Loan, Matrix Computations, 8.5.
 */

export interface Eigen {
  /** [n], descending. */
  readonly values: Float64Array;
  /** [n, n]: row k belongs to value k. Orthonormal. */
  readonly vectors: Float64Array;
}

const MOST_SWEEPS = 60;

/** Of the trace: what is smaller is rounding, and would be turned over and over. */
const NOISE = 1e-20;

/** `matrix` [n, n] is not changed. */
export function symmetricEigen(matrix: Float64Array, n: number): Eigen {
  const a = Float64Array.from(matrix);
  const v = new Float64Array(n * n);
  for (let i = 0; i < n; i++) v[i * n + i] = 1;
  let trace = 0;
  for (let i = 0; i < n; i++) trace += Math.abs(a[i * n + i]!);
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    let rotated = false;
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) {
        const off = Math.abs(a[p * n + q]!);
        if (off <= NOISE * trace || off <= Number.EPSILON * Math.sqrt(Math.abs(a[p * n + p]! * a[q * n + q]!)))
          continue;
        rotated = true;
        rotate(a, v, n, p, q);
      }
    }
    if (!rotated) break;
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => a[j * n + j]! - a[i * n + i]!);
  const vectors = new Float64Array(n * n);
  order.forEach((from, to) => {
    vectors.set(v.subarray(from * n, (from + 1) * n), to * n);
  });
  return { values: Float64Array.from(order, (i) => a[i * n + i]!), vectors };
}

/** Makes element (p, q) zero. Rows of `v` turn with those of `a`. */
function rotate(a: Float64Array, v: Float64Array, n: number, p: number, q: number): void {
  const [app, aqq, apq] = [a[p * n + p]!, a[q * n + q]!, a[p * n + q]!];
  const theta = (aqq - app) / (2 * apq);
  const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  for (let k = 0; k < n; k++) {
    const [x, y] = [a[p * n + k]!, a[q * n + k]!];
    a[p * n + k] = c * x - s * y;
    a[q * n + k] = s * x + c * y;
  }
  for (let k = 0; k < n; k++) {
    const [x, y] = [a[k * n + p]!, a[k * n + q]!];
    a[k * n + p] = c * x - s * y;
    a[k * n + q] = s * x + c * y;
  }
  a[p * n + q] = 0;
  a[q * n + p] = 0;
  for (let k = 0; k < n; k++) {
    const [x, y] = [v[p * n + k]!, v[q * n + k]!];
    v[p * n + k] = c * x - s * y;
    v[q * n + k] = s * x + c * y;
  }
}
