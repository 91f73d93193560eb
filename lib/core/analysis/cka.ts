/**
 * Centred kernel alignment of two sets of rows (Kornblith et al. 2019), from sums over their linear kernels K = X·Xᵀ of
 * column-centred X. Centring makes the rows of K add up to zero, so that the unbiased HSIC (Song et al. 2012, eq. 5) needs
 * no more than ⟨K, L⟩, the diagonals and the traces:
 *   n(n−3) HSIC = ⟨K, L⟩ − n/(n−2) Σ KᵢᵢLᵢᵢ + tr K · tr L / ((n−1)(n−2)).
 * Biased CKA is inflated when features outnumber rows, the usual case with hidden states; debiased is this product's
 * default. Where a set does not vary, CKA does not exist: null, never NaN.
 */
import type { CkaEstimator } from '../report/report.ts';

export type CkaValues = Readonly<Record<CkaEstimator, number | null>>;

/** What CKA needs to know of one set of n centred rows. */
export interface KernelSums {
  /** Kᵢᵢ = ‖xᵢ‖² [n] */
  readonly diagonal: Float64Array;
  readonly trace: number;
  /** ⟨K, K⟩ = ‖XᵀX‖² (Frobenius). */
  readonly self: number;
}

export const NO_CKA: CkaValues = { debiased: null, biased: null };

/** Fewest rows for which the unbiased HSIC is defined. */
const MIN_DEBIASED_ROWS = 4;
/** A self-similarity below this share of ⟨K, K⟩ is what float32 products leave of zero. */
const ROUNDING = 1e-6;

/** `inner` is ⟨K, L⟩ = ‖XᵀY‖². Both estimators lie in [−1, 1] by Cauchy–Schwarz; rounding beyond is cut off. */
export function ckaOf(inner: number, a: KernelSums, b: KernelSums): CkaValues {
  return ckaOfBatches([inner], [a], [b]);
}

/** HSIC of two sets of rows in batches, each centred for itself, added up over the batches. */
export interface HsicSums {
  /** Σ ⟨K, L⟩ */
  readonly biased: number;
  /** Σ n(n−3) HSIC of the unbiased estimator; null where a batch has too few rows for it. */
  readonly debiased: number | null;
}

/**
 * Of rows in batches, each centred for itself: from sums of HSIC over the batches, in which the unbiased one stays unbiased
 * (minibatch CKA, Nguyen et al. 2021, arXiv 2010.15327). The biased one has the bias of the batches' size.
 */
export function ckaOfBatches(inner: readonly number[], a: readonly KernelSums[], b: readonly KernelSums[]): CkaValues {
  return ckaOfSums(hsicOfBatches(inner, a, b), selfOfBatches(a), selfOfBatches(b));
}

export function ckaOfSums(inner: HsicSums, a: HsicSums, b: HsicSums): CkaValues {
  const isDebiased = inner.debiased !== null && a.debiased !== null && b.debiased !== null;
  return {
    biased: ratio(inner.biased, a.biased, b.biased),
    debiased: isDebiased ? ratio(inner.debiased, a.debiased, b.debiased) : null,
  };
}

export function hsicOfBatches(inner: readonly number[], a: readonly KernelSums[], b: readonly KernelSums[]): HsicSums {
  return sumsOver(
    a,
    (i) => inner[i]!,
    (i) => unbiasedHsic(inner[i]!, a[i]!, b[i]!),
  );
}

/** Of a set with itself. */
export function selfOfBatches(a: readonly KernelSums[]): HsicSums {
  return sumsOver(
    a,
    (i) => a[i]!.self,
    (i) => selfHsic(a[i]!),
  );
}

export function addHsic(a: HsicSums, b: HsicSums): HsicSums {
  const isDebiased = a.debiased !== null && b.debiased !== null;
  return { biased: a.biased + b.biased, debiased: isDebiased ? a.debiased + b.debiased : null };
}

function sumsOver(
  batches: readonly KernelSums[],
  biased: (batch: number) => number,
  debiased: (batch: number) => number,
): HsicSums {
  const sum = (of: (batch: number) => number) => batches.reduce((total, _, batch) => total + of(batch), 0);
  const isDebiased = batches.every(({ diagonal }) => diagonal.length >= MIN_DEBIASED_ROWS);
  return { biased: sum(biased), debiased: isDebiased ? sum(debiased) : null };
}

/** n(n−3) times the unbiased HSIC. */
function unbiasedHsic(inner: number, a: KernelSums, b: KernelSums): number {
  const n = a.diagonal.length;
  let diagonals = 0;
  for (let i = 0; i < n; i++) diagonals += a.diagonal[i]! * b.diagonal[i]!;
  return inner - (n / (n - 2)) * diagonals + (a.trace * b.trace) / ((n - 1) * (n - 2));
}

function selfHsic(a: KernelSums): number {
  const hsic = unbiasedHsic(a.self, a, a);
  return hsic > ROUNDING * a.self ? hsic : 0;
}

function ratio(inner: number, selfA: number, selfB: number): number | null {
  const value = inner / (Math.sqrt(selfA) * Math.sqrt(selfB));
  return Number.isFinite(value) ? Math.min(1, Math.max(-1, value)) : null;
}

/**
 * Biased CKA with a Gaussian kernel whose bandwidth is `threshold` times the median distance, in float64 from the
 * definition, n × n. For comparison only: the analysis uses the linear kernel.
 */
export function rbfCka(x: Float64Array, y: Float64Array, rows: number, threshold: number): number | null {
  const k = centredGaussianKernel(x, rows, threshold);
  const l = centredGaussianKernel(y, rows, threshold);
  return ratio(inner(k, l), inner(k, k), inner(l, l));
}

function centredGaussianKernel(x: Float64Array, n: number, threshold: number): Float64Array {
  const d = x.length / n;
  const squares = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      for (let f = 0; f < d; f++) squares[i * n + j] = squares[i * n + j]! + (x[i * d + f]! - x[j * d + f]!) ** 2;
    }
  }
  const sorted = squares.toSorted();
  const median = (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
  const kernel = squares.map((square) => Math.exp(-square / (2 * threshold ** 2 * median)));
  const means = Array.from({ length: n }, (_, i) => kernel.subarray(i * n, (i + 1) * n).reduce((a, b) => a + b) / n);
  const mean = means.reduce((a, b) => a + b) / n;
  return kernel.map((value, at) => value - means[Math.floor(at / n)]! - means[at % n]! + mean);
}

function inner(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
