/**
 * One linear residual map, ridge least squares in float64 as for probes, fitted on one part of the prompts and judged on the
 * others. A narrower block holds the map as a matrix, so that the factors of a fit on few rows are multiplied out here.
 */
import {
  type CellRows,
  type FittedProbe,
  fitProbe,
  float64Algebra,
  type Pace,
  type ProbeErrors,
  sumProbeErrors,
  transposed,
} from '../analysis/index.ts';
import type { DenseMap } from '../model/index.ts';

/** [rows, width] each: what the map takes, and what it stands for. */
export interface MapRows {
  readonly input: Float32Array;
  readonly output: Float32Array;
}

export interface FittedMap {
  readonly map: DenseMap;
  /** Over held-out rows; null where there are none, or the map stands for no change. */
  readonly errors: ProbeErrors | null;
}

/** Of one stream: rows that maps are fitted on, and rows that they are judged on. */
export interface StreamSplit {
  readonly width: number;
  readonly fit: Uint32Array;
  readonly judged: CellRows | null;
  readonly ridge: number;
}

export async function fitMap(
  { input, output }: MapRows,
  { width, fit, judged, ridge }: StreamSplit,
  pace: Pace,
): Promise<FittedMap> {
  const data = { input, output, width };
  // Nothing changes, or no sample has a token: the stream is left as it is.
  const probe = fit.length > 0 ? await fitProbe({ ...data, rows: fit }, { ridge, pace }) : null;
  if (!probe) return { map: { weight: new Float32Array(width * width), bias: new Float32Array(width) }, errors: null };
  const errors =
    judged && (await sumProbeErrors(probe, { ...data, rows: judged.rows }, judged.cellOf, judged.sizes.length, pace));
  return { map: await denseMap(probe, pace), errors };
}

async function denseMap(probe: FittedProbe, pace: Pace): Promise<DenseMap> {
  const bias = Float32Array.from(probe.bias);
  if ('weight' in probe) return { weight: Float32Array.from(probe.weight), bias };
  const { width, rank, left, right } = probe;
  const columns = transposed(right, rank, width);
  const weight = await float64Algebra().productTransposed(left, columns, width, width, rank, pace);
  return { weight: Float32Array.from(weight), bias };
}
