/**
 * The linear probe of one block and stream (PPCL, stage 1.1): `l(x) = x + x·W + b`, the ridge least-squares fit of the
 * block's update on its input, in float64 throughout. Probes of different blocks are independent of each other.
 *
 * Quality is told on rows the fit has not seen, and about the *update*: a residual stream changes little from block to
 * block, so that R² of the state would be close to 1 for a probe that does nothing. R² = 1 − ‖u − û‖² / ‖u − mean u‖² is
 * 0 for a probe that only knows the mean update, and may be negative.
 */
import { ContiguaError } from '../errors.ts';
import type { AffineMap } from '../model/route.ts';
import { factorCholesky, solveCholesky } from './cholesky.ts';
import { type BlockRows, sumNormalEquations } from './normal-equations.ts';
import { Pace } from './pace.ts';

/**
 * Ridge on inputs scaled to unit norm: a direction with less than this share of a feature's variance is shrunk. It keeps
 * probes of rank-deficient states (fewer tokens than features) well defined, and is far below what sampling noise hides.
 */
export const DEFAULT_RIDGE = 1e-8;

/** An update below this share of the state is what rounding in float32 leaves of none. */
const NO_UPDATE = 1e-6;

/** A residual probe in float64; `asAffineMap` is the form a route takes. */
export interface FittedProbe {
  readonly width: number;
  /** [d, d], row = input feature. */
  readonly weight: Float64Array;
  /** [d] */
  readonly bias: Float64Array;
}

/** Null when the block leaves these rows of the stream as they are. */
export async function fitProbe(
  data: BlockRows,
  ridge: number = DEFAULT_RIDGE,
  pace: Pace = new Pace(),
): Promise<FittedProbe | null> {
  const { width: d, rows } = data;
  if (rows.length === 0) throw new ContiguaError('calibration-invalid', 'No tokens to fit a probe on');
  if (!updatesStream(data)) return null;
  const { gram, product, inputMean, updateMean, scale } = await sumNormalEquations(data, pace);
  for (let j = 0; j < d; j++) gram[j * d + j] = gram[j * d + j]! + ridge;
  if (!(await factorCholesky(gram, d, pace))) {
    throw new ContiguaError('calibration-invalid', 'The tokens do not determine a probe', {
      found: `${rows.length} tokens of ${d} features, ridge ${ridge}`,
      expected: 'more tokens than features, or a larger ridge',
    });
  }
  await solveCholesky(gram, d, product, d, pace);
  const bias = Float64Array.from(updateMean);
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < d; j++) {
      const weight = product[i * d + j]! / scale[i]!;
      product[i * d + j] = weight;
      bias[j] = bias[j]! - inputMean[i]! * weight;
    }
  }
  return { width: d, weight: product, bias };
}

export function asAffineMap(probe: FittedProbe): AffineMap {
  return { weight: Float32Array.from(probe.weight), bias: Float32Array.from(probe.bias) };
}

export interface ProbeQuality {
  /** Of the update; null when there is no update, or none that varies, to explain. */
  readonly r2: number | null;
  /** ‖l(x) − y‖ / ‖y − x‖; null when there is no update. */
  readonly error: number | null;
}

/** How well the probe predicts these rows, which it should not have been fitted on. */
export async function measureProbe(
  probe: FittedProbe,
  data: BlockRows,
  pace: Pace = new Pace(),
): Promise<ProbeQuality> {
  const sums = await sumProbeErrors(probe, data, new Uint32Array(data.rows.length), 1, pace);
  return probeQuality(sums, [1]);
}

/** What the quality of a probe is made of, per cell of rows. */
export interface ProbeErrors {
  /** Rows of each cell [cells]. */
  readonly rows: Float64Array;
  /** Σ ‖u − û‖², Σ ‖u‖² and Σ ‖y‖² over the rows of each cell [cells], of updates u = y − x. */
  readonly residuals: Float64Array;
  readonly updates: Float64Array;
  readonly outputs: Float64Array;
  /** Σ ‖v‖² [cells] and Σ v [cells, d], where v is u less its mean over all rows. */
  readonly deviations: Float64Array;
  readonly sums: Float64Array;
}

/** `cellOf`: the cell of each of `data.rows`. */
export async function sumProbeErrors(
  probe: FittedProbe,
  { input, output, width: d, rows }: BlockRows,
  cellOf: Uint32Array,
  cells: number,
  pace: Pace,
): Promise<ProbeErrors> {
  const updateMean = new Float64Array(d);
  for (const row of rows) {
    for (let j = 0; j < d; j++) updateMean[j] = updateMean[j]! + (output[row * d + j]! - input[row * d + j]!);
  }
  for (let j = 0; j < d; j++) updateMean[j] = updateMean[j]! / rows.length;

  const of = () => new Float64Array(cells);
  const errors = { rows: of(), residuals: of(), updates: of(), outputs: of(), deviations: of() };
  const sums = new Float64Array(cells * d);
  const predicted = new Float64Array(d);
  for (const [i, row] of rows.entries()) {
    const at = row * d;
    const cell = cellOf[i]!;
    predicted.set(probe.bias);
    addProduct(predicted, input, at, probe.weight);
    let [residual, deviation, update, square] = [0, 0, 0, 0];
    for (let j = 0; j < d; j++) {
      const y = output[at + j]!;
      const u = y - input[at + j]!;
      const v = u - updateMean[j]!;
      residual += (u - predicted[j]!) ** 2;
      deviation += v * v;
      update += u * u;
      square += y * y;
      sums[cell * d + j] = sums[cell * d + j]! + v;
    }
    errors.rows[cell] = errors.rows[cell]! + 1;
    errors.residuals[cell] = errors.residuals[cell]! + residual;
    errors.updates[cell] = errors.updates[cell]! + update;
    errors.outputs[cell] = errors.outputs[cell]! + square;
    errors.deviations[cell] = errors.deviations[cell]! + deviation;
    if (pace.due()) await pace.rest();
  }
  return { ...errors, sums };
}

/** Of rows that count as often as their cell's weight says. */
export function probeQuality(errors: ProbeErrors, weights: ArrayLike<number>): ProbeQuality {
  const d = errors.sums.length / errors.rows.length;
  let [rows, residual, update, output, deviation] = [0, 0, 0, 0, 0];
  const sum = new Float64Array(d);
  for (let cell = 0; cell < errors.rows.length; cell++) {
    const w = weights[cell]!;
    if (w === 0) continue;
    rows += w * errors.rows[cell]!;
    residual += w * errors.residuals[cell]!;
    update += w * errors.updates[cell]!;
    output += w * errors.outputs[cell]!;
    deviation += w * errors.deviations[cell]!;
    for (let j = 0; j < d; j++) sum[j] = sum[j]! + w * errors.sums[cell * d + j]!;
  }
  if (!(update > NO_UPDATE ** 2 * output)) return { r2: null, error: null };
  // About the mean of the weighted rows, which is not that of all rows.
  for (const value of sum) deviation -= value ** 2 / rows;
  return {
    r2: deviation > NO_UPDATE ** 2 * update ? 1 - residual / deviation : null,
    error: Math.sqrt(residual / update),
  };
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

/** target [d] += x · matrix, for the row x of `input` that starts at `at`; four matrix rows at a time. */
function addProduct(target: Float64Array, input: Float32Array, at: number, matrix: Float64Array): void {
  const d = target.length;
  const unrolled = d & ~3;
  for (let i = 0; i < unrolled; i += 4) {
    const x0 = input[at + i]!;
    const x1 = input[at + i + 1]!;
    const x2 = input[at + i + 2]!;
    const x3 = input[at + i + 3]!;
    const row = i * d;
    for (let j = 0; j < d; j++) {
      const m = row + j;
      target[j] =
        target[j]! + x0 * matrix[m]! + x1 * matrix[m + d]! + x2 * matrix[m + 2 * d]! + x3 * matrix[m + 3 * d]!;
    }
  }
  for (let i = unrolled; i < d; i++) {
    const x = input[at + i]!;
    for (let j = 0; j < d; j++) target[j] = target[j]! + x * matrix[i * d + j]!;
  }
}
