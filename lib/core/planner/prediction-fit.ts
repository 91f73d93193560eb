/**
 * How good a prediction is for the plans that were measured, and what they teach: a power law from predicted to measured
 * damage, fitted to their logarithms. It never changes the order of plans, so that the best plans stay the best; it says
 * which error of the output a prediction in units of its own stands for.
 */
import { LEAST_PAIRS, type RankCorrelation, rankCorrelation } from '../detection/index.ts';

export interface PredictedAndMeasured {
  readonly predicted: number;
  /** Relative output error. */
  readonly measured: number;
}

export interface PredictionFit {
  /** Spearman's ρ of predicted and measured damage; null for fewer than four plans, or where all are alike. */
  readonly correlation: RankCorrelation | null;
  /** The output error that a predicted damage stands for; null where too few were measured, or more damage did not mean more error. */
  readonly correct: ((predicted: number) => number) | null;
  /** Two thirds of the measured plans lie within this factor of `correct`; null without it. */
  readonly factor: number | null;
}

export function fitPrediction(pairs: readonly PredictedAndMeasured[]): PredictionFit {
  const correlation = rankCorrelation(
    pairs.map(({ predicted }) => predicted),
    pairs.map(({ measured }) => measured),
  );
  const logs = pairs.flatMap(({ predicted, measured }) =>
    predicted > 0 && measured > 0 ? [[Math.log(predicted), Math.log(measured)] as const] : [],
  );
  const line = logs.length < LEAST_PAIRS ? null : lineThrough(logs);
  if (!line || line.slope <= 0) return { correlation, correct: null, factor: null };
  const { slope, offset } = line;
  const misses = logs.map(([x, y]) => Math.abs(y - (offset + slope * x))).sort((a, b) => a - b);
  return {
    correlation,
    correct: (predicted) => (predicted > 0 ? Math.exp(offset + slope * Math.log(predicted)) : 0),
    factor: Math.exp(misses[Math.ceil((2 / 3) * misses.length) - 1]!),
  };
}

/** Least squares; null where all x are the same. */
function lineThrough(points: readonly (readonly [number, number])[]): { slope: number; offset: number } | null {
  const n = points.length;
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / n;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / n;
  let [xx, xy] = [0, 0];
  for (const [x, y] of points) {
    xx += (x - meanX) ** 2;
    xy += (x - meanX) * (y - meanY);
  }
  if (!(xx > 0)) return null;
  const slope = xy / xx;
  return { slope, offset: meanY - slope * meanX };
}
