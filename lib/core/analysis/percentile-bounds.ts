/**
 * Percentile bounds of resampled values. Rounded to six digits, far below what resampling leaves open, so that reports of
 * deep models stay small.
 */
import { quantile } from '../quantile.ts';
import type { Bounds } from '../report/report.ts';

export const CONFIDENCE_LEVEL = 0.95;
/** Share of the resamples that must have a value. */
const PRESENT = 0.9;

/** Null where there are no values, or too many resamples have none (NaN). */
export function percentileBounds(values: Float64Array): Bounds | null {
  const present = values.filter((value) => !Number.isNaN(value)).sort();
  if (present.length === 0 || present.length < PRESENT * values.length) return null;
  const tail = (1 - CONFIDENCE_LEVEL) / 2;
  return { low: sixDigits(quantile(present, tail)), high: sixDigits(quantile(present, 1 - tail)) };
}

export const sixDigits = (value: number): number => Number(value.toPrecision(6));
