/** Quantities as the page writes them: three significant figures, SI prefixes, a true minus, "n/a" for nothing to say. */
import type { Quartiles } from '@/lib/core/run/index.ts';

const SCALES = [
  [1e12, 'T'],
  [1e9, 'B'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const;

function threeFigures(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** 5,412,345 → "5.41 M". */
export function countWords(count: number): string {
  const scale = SCALES.find(([size]) => Math.abs(count) >= size);
  return scale ? `${threeFigures(count / scale[0])} ${scale[1]}` : String(Math.round(count));
}

/** Decimal megabytes, as file managers and model pages count. */
export function bytesWords(bytes: number): string {
  if (bytes >= 1e9) return `${threeFigures(bytes / 1e9)} GB`;
  if (bytes >= 1e6) return `${threeFigures(bytes / 1e6)} MB`;
  return bytes >= 1e3 ? `${threeFigures(bytes / 1e3)} kB` : `${bytes} B`;
}

export function flopsWords(flops: number): string {
  const scale = [
    [1e15, 'P'],
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
  ] as const;
  const found = scale.find(([size]) => flops >= size);
  return found ? `${threeFigures(flops / found[0])} ${found[1]}FLOP` : `${Math.round(flops)} FLOP`;
}

export function durationWords(milliseconds: number): string {
  if (milliseconds < 1_000) return `${threeFigures(milliseconds)} ms`;
  if (milliseconds < 100_000) return `${(milliseconds / 1_000).toFixed(1)} s`;
  const minutes = Math.floor(milliseconds / 60_000);
  return `${minutes} min ${Math.round((milliseconds - minutes * 60_000) / 1_000)} s`;
}

/** "29.1–33.4 ms" */
export function rangeWords({ lower, upper }: Quartiles): string {
  if (upper >= 1_000) return `${durationWords(lower)}–${durationWords(upper)}`;
  return `${threeFigures(lower)}–${threeFigures(upper)} ms`;
}

/** Time that is left: never falsely exact. */
export function remainingWords(milliseconds: number): string {
  const seconds = Math.max(1, Math.round(milliseconds / 1_000));
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = minutes / 60;
  return hours < 36 ? `${hours.toFixed(1)} h` : `${(hours / 24).toFixed(1)} days`;
}

/** Relative change from before to after: "−25 %". */
export function changeWords(before: number, after: number): string {
  if (before === 0) return 'n/a';
  const percent = ((after - before) / before) * 100;
  const digits = Math.abs(percent) >= 10 || percent === 0 ? 0 : 1;
  const text = Math.abs(percent).toFixed(digits);
  if (Number(text) === 0) return '±0 %';
  return `${percent < 0 ? '−' : '+'}${text} %`;
}

/** A share as percent with as many decimals as it deserves; null is "n/a". */
export function percentWords(share: number | null): string {
  if (share === null) return 'n/a';
  const percent = share * 100;
  return `${percent >= 10 ? percent.toFixed(0) : percent >= 1 ? percent.toFixed(1) : percent.toFixed(2)} %`;
}

/**
 * The two similarities of the page. State CKA compares the true states after two blocks (the map); surrogate CKA compares,
 * after one block, the true state with the one that probes make of it (trajectories, intervals).
 */
export const STATE_CKA = 'state CKA';
export const SURROGATE_CKA = 'surrogate CKA';

/** CKA and R²: four decimals; null is "n/a". */
export function scoreWords(score: number | null): string {
  return score === null ? 'n/a' : score.toFixed(4).replace('-', '−');
}

/** "23 Nov 2026, 04:33", in the reader's own time zone. */
export function momentWords(timeMs: number): string {
  return new Date(timeMs).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
}

/** "12.6 GFLOP" before "8.65 GFLOP" is just "12.6". */
export function withoutUnit(before: string, after: string): string {
  const unit = before.slice(before.lastIndexOf(' '));
  return before.includes(' ') && after.endsWith(unit) ? before.slice(0, -unit.length) : before;
}

/** "12.6 → 8.65 GFLOP" */
export const beforeAfterWords = (before: string, after: string): string => `${withoutUnit(before, after)} → ${after}`;
