/**
 * Two forward times that were measured in turn, and whether they differ by more than the machine's noise does. Medians
 * with interquartile ranges: a busy machine makes a few runs slow, which a mean would take over. Pure.
 */
import { quantile } from '../quantile.ts';

export interface Quartiles {
  readonly lower: number;
  readonly upper: number;
}

export interface TimeSpread {
  readonly median: number;
  readonly quartiles: Quartiles;
}

/** Median and quartiles (linear interpolation between order statistics) of one or more values. */
export function spreadOf(values: readonly number[]): TimeSpread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => quantile(sorted, share);
  return { median: at(0.5), quartiles: { lower: at(0.25), upper: at(0.75) } };
}

/** The interquartile ranges overlap: half of the runs of each would have to lie apart for a difference to be told. */
export function isWithinNoise(a: Quartiles, b: Quartiles): boolean {
  return a.lower <= b.upper && b.lower <= a.upper;
}
