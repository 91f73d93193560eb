/** How numbers read in charts: fixed decimals, a true minus sign, "n/a" for nothing to say and "…" while measuring. */
import type { BlockInterval } from '@/lib/core/interval/interval.ts';
import { shareText } from '@/lib/core/share-text.ts';
import type { Measured } from './types.ts';

export function valueText(value: Measured, decimals = 4): string {
  if (value === undefined) return '…';
  if (value === null || !Number.isFinite(value)) return 'n/a';
  const text = value.toFixed(decimals);
  return text.startsWith('-') ? (Number(text) === 0 ? text.slice(1) : `−${text.slice(1)}`) : text;
}

/** Where four decimals no longer tell similarities apart. */
const NEAR_ONE = 0.9995;
/** Differences below this are rounding errors of the measurement. */
const ROUNDING = 1e-9;

/** CKA or R²: 0.9312; close to one, where all values would read 0.9998, what is missing: "1 − 2.1e−4". */
export function similarityText(value: Measured, decimals = 4): string {
  if (typeof value !== 'number' || value < NEAR_ONE || 1 - value < ROUNDING) return valueText(value, decimals);
  return `1 − ${scientificText(1 - value)}`;
}

/** A difference of similarities: 0.0312; "2.1e−4" where four decimals would show one digit or none. */
export function differenceText(value: Measured): string {
  if (typeof value !== 'number' || Math.abs(value) >= 0.001 || Math.abs(value) < ROUNDING) return valueText(value);
  return scientificText(value);
}

/** 0.00021 as "2.1e−4". */
export function scientificText(value: number, digits = 1): string {
  return value.toExponential(digits).replaceAll('-', '−').replace('e+', 'e').replace('.0e', 'e');
}

export const countText = (count: number): string => count.toLocaleString('en-US');

/** "4 to 6", spoken and written the same. */
export const spanText = ({ first, last }: BlockInterval): string => `${first} to ${last}`;

/** Bounds of a similarity: "0.9281 to 0.9340". */
export const boundsText = (low: number, high: number): string => `${similarityText(low)} to ${similarityText(high)}`;

/** "detected by 2 of 3 analyses" */
export const agreementText = (count: number, of: number): string => `detected by ${count} of ${of} analyses`;
export const foundText = (share: number): string => `found in ${shareText(share)} of the resamples`;
