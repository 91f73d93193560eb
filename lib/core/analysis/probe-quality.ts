/**
 * How well a probe predicts rows that it was not fitted on. Quality is told about the *update*: a residual stream changes
 * little from block to block, so that R² of the state would be close to 1 for a probe that does nothing.
 * R² = 1 − ‖u − û‖² / ‖u − mean u‖² is 0 for a probe that only knows the mean update, and may be negative.
 */
import { float64Algebra } from './float64.ts';
import type { Float64Algebra } from './float64-algebra.ts';
import { type BlockRows, transposed } from './normal-equations.ts';
import { Pace } from './pace.ts';
import { pickRows } from './pick-rows.ts';
import { type FittedProbe, NO_UPDATE } from './probe.ts';

/** Rows whose predictions are held at once. */
const PREDICTED_ROWS = 256;

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
  algebra: Float64Algebra = float64Algebra(),
): Promise<ProbeErrors> {
  const updateMean = new Float64Array(d);
  for (const row of rows) {
    for (let j = 0; j < d; j++) updateMean[j] = updateMean[j]! + (output[row * d + j]! - input[row * d + j]!);
  }
  for (let j = 0; j < d; j++) updateMean[j] = updateMean[j]! / rows.length;

  const of = () => new Float64Array(cells);
  const errors = { rows: of(), residuals: of(), updates: of(), outputs: of(), deviations: of() };
  const sums = new Float64Array(cells * d);
  const predict = predictor(probe, algebra, pace);
  let predicted = new Float64Array();
  for (const [i, row] of rows.entries()) {
    const at = row * d;
    const cell = cellOf[i]!;
    const place = i % PREDICTED_ROWS;
    if (place === 0) predicted = await predict(pickRows(input, d, rows.subarray(i, i + PREDICTED_ROWS)));
    let [residual, deviation, update, square] = [0, 0, 0, 0];
    for (let j = 0; j < d; j++) {
      const y = output[at + j]!;
      const u = y - input[at + j]!;
      const v = u - updateMean[j]!;
      residual += (u - predicted[place * d + j]!) ** 2;
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

/** Predicted updates [n, d] of rows [n, d]. */
function predictor(probe: FittedProbe, algebra: Float64Algebra, pace: Pace) {
  const { width: d, bias } = probe;
  const factors = factorsOf(probe);
  return async (x: Float32Array): Promise<Float64Array<ArrayBuffer>> => {
    const n = x.length / d;
    let product: Float32Array | Float64Array = x;
    let inner = d;
    for (const { matrix, outer } of factors) {
      product = await algebra.productTransposed(product, matrix, n, outer, inner, pace);
      inner = outer;
    }
    const predicted = Float64Array.from(product);
    for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) predicted[i * d + j] = predicted[i * d + j]! + bias[j]!;
    return predicted;
  };
}

/** What rows are multiplied by in turn, transposed [outer, inner]. */
function factorsOf(probe: FittedProbe): readonly { readonly matrix: Float64Array; readonly outer: number }[] {
  const { width: d } = probe;
  if ('weight' in probe) return [{ matrix: transposed(probe.weight, d, d), outer: d }];
  return [
    { matrix: transposed(probe.left, d, probe.rank), outer: probe.rank },
    { matrix: transposed(probe.right, probe.rank, d), outer: d },
  ];
}
