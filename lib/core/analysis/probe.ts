/**
 * The linear probe of one block and stream (PPCL, stage 1.1): `l(x) = x + x·W + b`, the ridge least-squares fit of the
 * block's update on its input, in float64 throughout. Probes of different blocks are independent of each other.
 *
 * With Z the centred inputs, columns scaled to unit norm, and U the centred updates of n rows: for n ≥ d the normal equations
 * (ZᵀZ + λI)·W = ZᵀU, d × d; for n < d their dual, W = Zᵀ(ZZᵀ + λI)⁻¹U, n × n, kept as two factors of rank n. With
 * ZZᵀ + λI = L·Lᵀ they are (L⁻¹Z)ᵀ, whose columns are nearly orthonormal, and L⁻¹U, so that their product loses no digits in
 * float32; Zᵀ and (ZZᵀ + λI)⁻¹U would cancel where tokens are nearly alike.
 */
import { ContiguaError } from '../errors.ts';
import type { AffineMap } from '../model/route.ts';
import { float64Algebra } from './float64.ts';
import type { Float64Algebra } from './float64-algebra.ts';
import { type BlockRows, columnMoments, FeatureChunks, sumNormalEquations, transposed } from './normal-equations.ts';
import { Pace } from './pace.ts';

/**
 * Ridge on inputs scaled to unit norm: a direction with less than this share of a feature's variance is shrunk. It keeps
 * probes of rank-deficient states (fewer tokens than features) well defined, and is far below what sampling noise hides.
 */
export const DEFAULT_RIDGE = 1e-8;

/** An update below this share of the state is what rounding in float32 leaves of none. */
export const NO_UPDATE = 1e-6;

/** Residual probes in float64; `asAffineMap` is the form a route takes. */
export interface DenseProbe {
  readonly width: number;
  /** [d, d], row = input feature. */
  readonly weight: Float64Array;
  /** [d] */
  readonly bias: Float64Array;
}

/** W = left·right. */
export interface LowRankProbe {
  readonly width: number;
  /** Rows that it was fitted on. */
  readonly rank: number;
  /** [d, rank] */
  readonly left: Float64Array;
  /** [rank, d] */
  readonly right: Float64Array;
  /** [d] */
  readonly bias: Float64Array;
}

export type FittedProbe = DenseProbe | LowRankProbe;

export type ProbeForm = 'dense' | 'low-rank';

export interface ProbeOptions {
  readonly ridge?: number;
  readonly pace?: Pace;
  /** The cheaper one by default; both give the same map. */
  readonly form?: ProbeForm;
  readonly algebra?: Float64Algebra;
}

/** Null when the block leaves these rows of the stream as they are. */
export async function fitProbe(
  data: BlockRows,
  {
    ridge = DEFAULT_RIDGE,
    pace = new Pace(),
    form = data.rows.length < data.width ? 'low-rank' : 'dense',
    algebra = float64Algebra(),
  }: ProbeOptions = {},
): Promise<FittedProbe | null> {
  if (data.rows.length === 0) throw new ContiguaError('calibration-invalid', 'No tokens to fit a probe on');
  if (!updatesStream(data)) return null;
  const probe = await (form === 'dense' ? fitDense : fitLowRank)(data, ridge, algebra, pace);
  if (probe) return probe;
  throw new ContiguaError('calibration-invalid', 'The tokens do not determine a probe', {
    found: `${data.rows.length} tokens of ${data.width} features, ridge ${ridge}`,
    expected: 'more tokens than features, or a larger ridge',
  });
}

/** Null where the rows and the ridge do not determine it. */
async function fitDense(
  data: BlockRows,
  ridge: number,
  algebra: Float64Algebra,
  pace: Pace,
): Promise<DenseProbe | null> {
  const { width: d } = data;
  const { gram, product, inputMean, updateMean, scale } = await sumNormalEquations(data, algebra, pace);
  for (let j = 0; j < d; j++) gram[j * d + j] = gram[j * d + j]! + ridge;
  const factor = await algebra.factor(gram, d, pace);
  if (!factor) return null;
  const solved = await factor.solve(product, d, pace).finally(() => factor.dispose());
  const weight = transposed(solved, d, d);
  const bias = Float64Array.from(updateMean);
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < d; j++) {
      const at = i * d + j;
      weight[at] = weight[at]! / scale[i]!;
      bias[j] = bias[j]! - inputMean[i]! * weight[at]!;
    }
  }
  return { width: d, weight, bias };
}

/** The same from the dual problem. */
async function fitLowRank(
  data: BlockRows,
  ridge: number,
  algebra: Float64Algebra,
  pace: Pace,
): Promise<LowRankProbe | null> {
  const { width: d, rows } = data;
  const rank = rows.length;
  // Centred rows add up to zero.
  if (!(ridge > 0)) return null;
  const moments = columnMoments(data);
  const chunks = new FeatureChunks(data, moments);
  const kernel = new Float64Array(rank * rank);
  for (const { from, count } of chunks) {
    const z = transposed(chunks.inputs(from, count), count, rank);
    const part = await algebra.productTransposed(z, z, rank, rank, count, pace);
    for (let i = 0; i < part.length; i++) kernel[i] = kernel[i]! + part[i]!;
  }
  for (let i = 0; i < rank; i++) kernel[i * rank + i] = kernel[i * rank + i]! + ridge;
  const factor = await algebra.factor(kernel, rank, pace);
  if (!factor) return null;
  const left = new Float64Array(d * rank);
  const right = new Float64Array(rank * d);
  const meanLeft = new Float64Array(rank);
  try {
    for (const { from, count } of chunks) {
      const z = await factor.forward(chunks.inputs(from, count), count, pace);
      for (let j = 0; j < count; j++) {
        const scale = moments.scale[from + j]!;
        const mean = moments.inputMean[from + j]!;
        for (let i = 0; i < rank; i++) {
          const value = z[j * rank + i]! / scale;
          left[(from + j) * rank + i] = value;
          meanLeft[i] = meanLeft[i]! + mean * value;
        }
      }
      const u = await factor.forward(chunks.updates(from, count), count, pace);
      for (let j = 0; j < count; j++) for (let i = 0; i < rank; i++) right[i * d + from + j] = u[j * rank + i]!;
    }
  } finally {
    factor.dispose();
  }
  const bias = Float64Array.from(moments.updateMean);
  for (let i = 0; i < rank; i++) {
    for (let j = 0; j < d; j++) bias[j] = bias[j]! - meanLeft[i]! * right[i * d + j]!;
  }
  return { width: d, rank, left, right, bias };
}

/** W [d, d], row = input feature: of a low-rank probe only where d is small. */
export function probeWeight(probe: FittedProbe): Float64Array {
  if ('weight' in probe) return probe.weight;
  const { width: d, rank, left, right } = probe;
  const weight = new Float64Array(d * d);
  for (let i = 0; i < d; i++) {
    for (let k = 0; k < rank; k++) {
      const factor = left[i * rank + k]!;
      for (let j = 0; j < d; j++) weight[i * d + j] = weight[i * d + j]! + factor * right[k * d + j]!;
    }
  }
  return weight;
}

export function asAffineMap(probe: FittedProbe): AffineMap {
  const bias = Float32Array.from(probe.bias);
  return 'weight' in probe
    ? { weight: Float32Array.from(probe.weight), bias }
    : { left: Float32Array.from(probe.left), right: Float32Array.from(probe.right), bias };
}

function updatesStream({ input, output, width: d, rows }: BlockRows): boolean {
  let update = 0;
  let state = 0;
  for (const row of rows) {
    for (let at = row * d; at < (row + 1) * d; at++) {
      const y = output[at]!;
      update += (y - input[at]!) ** 2;
      state += y * y;
    }
  }
  return update > NO_UPDATE ** 2 * state;
}
