/** How numbers read in charts: fixed decimals, a true minus sign, "n/a" for nothing to say and "…" while measuring. */
import type { BlockInterval } from '@/lib/core/interval/interval.ts';
import type { Measured } from './types.ts';

export function valueText(value: Measured, decimals = 4): string {
  if (value === undefined) return '…';
  if (value === null || !Number.isFinite(value)) return 'n/a';
  const text = value.toFixed(decimals);
  return text.startsWith('-') ? (Number(text) === 0 ? text.slice(1) : `−${text.slice(1)}`) : text;
}

export const countText = (count: number): string => count.toLocaleString('en-US');

/** "4 to 6", spoken and written the same. */
export const spanText = ({ first, last }: BlockInterval): string => `${first} to ${last}`;
