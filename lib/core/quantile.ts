/** Quantiles by linear interpolation between order statistics, as NumPy's default, and percentile intervals of resamples. */

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** `sorted` ascends and is not empty; `share` is 0 … 1. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const place = share * (sorted.length - 1);
  const low = sorted[Math.floor(place)] ?? Number.NaN;
  const high = sorted[Math.ceil(place)] ?? Number.NaN;
  return low + (high - low) * (place - Math.floor(place));
}

/** What the middle 95 % of one or more resamples lie between. */
export function percentileInterval(resamples: readonly number[], level = 0.95): Interval {
  const sorted = [...resamples].sort((a, b) => a - b);
  return { low: quantile(sorted, (1 - level) / 2), high: quantile(sorted, (1 + level) / 2) };
}
