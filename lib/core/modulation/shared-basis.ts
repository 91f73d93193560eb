/**
 * The basis through which modulation matrices lose least, in closed form. Let c(t) be the conditioning without its mean, in a space that
 * holds its curve, and Y the modulation matrices of all blocks in that space, stacked. The error of a projection P of rank r,
 * Σ_t w(t) ‖Y (c(t) − P c(t))‖², is least for the singular vectors of the modulations Y c(t) themselves, not for those of c(t): with
 * N = YᵀY and V the leading eigenvectors of N^½ (Σ w c cᵀ) N^½, P = (N^−½ V) (Vᵀ N^½). N identical to the identity gives those of c(t).
 */
import { products } from './leading-space.ts';
import { symmetricEigen } from './symmetric-eigen.ts';

export interface SharedBasis {
  /** [size, size]: row k reads the k-th number of c. */
  readonly reads: Float64Array;
  /** [size, size]: row k is what the k-th number stands for. reads·directionsᵀ = 1. */
  readonly directions: Float64Array;
  readonly size: number;
}

/** Directions that matrices amplify less than the strongest by this factor count as this much, so that they can be told apart. */
const LEAST = 1e-12;

/** `points` [count, size]: c(t) times the root of its weight. `gram` [size, size]: N. */
export function sharedBasis(points: Float64Array, gram: Float64Array, size: number): SharedBasis {
  const { root, inverse } = squareRoots(gram, size);
  const seen = product(points, root, points.length / size, size, size);
  const covariance = new Float64Array(size * size);
  for (let t = 0; t < points.length / size; t++) {
    for (let i = 0; i < size; i++) {
      const x = seen[t * size + i]!;
      for (let j = 0; j < size; j++) covariance[i * size + j] = covariance[i * size + j]! + x * seen[t * size + j]!;
    }
  }
  const { vectors } = symmetricEigen(covariance, size);
  return {
    reads: product(vectors, root, size, size, size),
    directions: product(vectors, inverse, size, size, size),
    size,
  };
}

/** Σ_t ‖Y (c − P_r c)‖² of `points` for every rank r from 0 to `size`. */
export function squaredErrors(
  points: Float64Array,
  gram: Float64Array,
  { reads, directions, size }: SharedBasis,
): Float64Array {
  const { root } = squareRoots(gram, size);
  const count = points.length / size;
  const left = product(points, root, count, size, size);
  const amounts = products(points, reads, size, size);
  const seen = product(directions, root, size, size, size);
  const errors = new Float64Array(size + 1);
  for (let r = 0; r <= size; r++) {
    errors[r] = left.reduce((sum, x) => sum + x * x, 0);
    if (r === size) break;
    for (let t = 0; t < count; t++) {
      const amount = amounts[t * size + r]!;
      for (let k = 0; k < size; k++) left[t * size + k] = left[t * size + k]! - amount * seen[r * size + k]!;
    }
  }
  return errors;
}

/** N^½ and N^−½. */
function squareRoots(gram: Float64Array, size: number) {
  const { values, vectors } = symmetricEigen(gram, size);
  const least = LEAST * Math.max(values[0] ?? 0, Number.MIN_VALUE);
  const power = (exponent: number) => {
    const scaled = Float64Array.from(vectors, (x, i) => x * Math.max(values[Math.floor(i / size)]!, least) ** exponent);
    const result = new Float64Array(size * size);
    for (let r = 0; r < size; r++) {
      for (let i = 0; i < size; i++) {
        const x = vectors[r * size + i]!;
        for (let j = 0; j < size; j++) result[i * size + j] = result[i * size + j]! + x * scaled[r * size + j]!;
      }
    }
    return result;
  };
  return { root: power(0.5), inverse: power(-0.5) };
}

/** a [n, m] · b [m, k] */
export function product(a: Float64Array, b: Float64Array, n: number, m: number, k: number): Float64Array {
  const result = new Float64Array(n * k);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) {
      const x = a[i * m + j]!;
      for (let l = 0; l < k; l++) result[i * k + l] = result[i * k + l]! + x * b[j * k + l]!;
    }
  }
  return result;
}
