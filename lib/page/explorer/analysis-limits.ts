/**
 * What an analysis may cost, as the page's fields and its address have it: tokens that are read, the measurement of damage, and
 * the memory of the tab. Null stands for the default. Pure, but for the store.
 */
import { createStore } from 'zustand/vanilla';
import type { AnalysisRequest, AnyEstimate } from '@/lib/compute/protocol.ts';
import { ContiguaError } from '@/lib/core/errors.ts';
import { isInRange, type NumberRange } from '@/lib/core/number-range.ts';
import { ANALYSIS_BOUNDS } from '@/lib/core/report/index.ts';
import { bytesWords } from '../browser/number-words.ts';

export interface LimitsChoice {
  /** Of each stream, at most. By default all, and 1,024 of a model that is wider than 1,024 features. */
  readonly tokens: number | null;
  /** Held-out samples that each interval is measured on. */
  readonly damageSamples: number | null;
  /** Detected intervals that are measured; all by default. */
  readonly damageIntervals: number | null;
  /** In GB (10⁹ bytes), of the tab. */
  readonly memory: number | null;
}

export const DEFAULT_LIMITS: LimitsChoice = { tokens: null, damageSamples: null, damageIntervals: null, memory: null };
/** In GB. */
export const DEFAULT_MEMORY = 4;
export const LIMIT_RANGES = {
  ...ANALYSIS_BOUNDS,
  memory: { min: 0.1, max: 16 },
} as const satisfies Record<keyof LimitsChoice, NumberRange>;

export const limitsStore = createStore<LimitsChoice>(() => DEFAULT_LIMITS);

export const memoryBytesOf = ({ memory }: LimitsChoice): number => (memory ?? DEFAULT_MEMORY) * 1e9;

export function limitsRequest({
  tokens,
  damageSamples,
  damageIntervals,
}: LimitsChoice): Pick<AnalysisRequest, 'tokens' | 'damage'> {
  return {
    ...(tokens === null ? {} : { tokens }),
    damage: { samples: damageSamples ?? undefined, intervals: damageIntervals ?? undefined },
  };
}

const NAMES: readonly (readonly [keyof LimitsChoice, string])[] = [
  ['tokens', 't'],
  ['damageSamples', 's'],
  ['damageIntervals', 'i'],
  ['memory', 'm'],
];

/** "t512-i4": what differs from the default; empty where nothing does. */
export function limitsText(limits: LimitsChoice): string {
  return NAMES.flatMap(([name, letter]) => (limits[name] === null ? [] : [`${letter}${limits[name]}`])).join('-');
}

/** Parts that are not understood, or out of range, fall back to the default. */
export function limitsFrom(text: string): LimitsChoice {
  const parts = text.split('-');
  const read = NAMES.map(([name, letter]) => {
    const digits = parts.find((part) => part.startsWith(letter))?.slice(1) ?? '';
    const value = /^\d{1,7}(\.\d{1,3})?$/.test(digits) ? Number(digits) : null;
    return [name, value !== null && isInRange(value, LIMIT_RANGES[name]) ? value : null];
  });
  return Object.fromEntries(read) as unknown as LimitsChoice;
}

export interface StoredModel {
  readonly numBlocks: number;
  readonly width: number;
  /** States of a trace are read where they are; what is stored is made from them. */
  readonly trace?: unknown;
}

type StoredEstimate = Pick<AnyEstimate, 'storedBytes' | 'tokens'> & { readonly fixedBytes?: number };

/**
 * Throws `too-large` where the browser's storage has less room than states need, with the most tokens per stream that fit.
 * `roomBytes` counts what an interrupted analysis has stored already.
 */
export function assertStorageFits(estimate: StoredEstimate, roomBytes: number, model: StoredModel): void {
  const { storedBytes } = estimate;
  if (storedBytes <= roomBytes) return;
  const most = mostTokens(estimate, roomBytes, model);
  const { min } = LIMIT_RANGES.tokens;
  const what = model.trace ? 'probes and surrogates' : 'states';
  const room = 'free some space on the disk; a private window stores less than others';
  throw new ContiguaError('too-large', `The ${what} of this analysis do not fit this browser's storage`, {
    found: `room for ${bytesWords(roomBytes)}`,
    expected: `at least ${bytesWords(storedBytes)}`,
    hint:
      most >= min
        ? `${most.toLocaleString('en-US')} tokens per stream fit. Or ${room}.`
        : `Analyse fewer ${model.trace ? 'tokens' : 'samples'}, or ${room}.`,
  });
}

/**
 * Of a model, rows of every state go; probes, which shrink too, are left out, so that fewer are named rather than too many. What is stored of a
 * trace but for `fixedBytes` goes with its rows while they are fewer than features; 0 where they are not.
 */
function mostTokens(
  { storedBytes, tokens, fixedBytes = 0 }: StoredEstimate,
  roomBytes: number,
  { numBlocks, width, trace }: StoredModel,
): number {
  const counts = Object.values(tokens);
  const all = counts.reduce((sum, count) => sum + count, 0);
  if (trace && Math.max(...counts) > width) return 0;
  const rowBytes = trace ? (storedBytes - fixedBytes) / all : 4 * width * (numBlocks + 1);
  const bytesAt = (limit: number) => rowBytes * counts.reduce((sum, count) => sum + Math.min(count, limit), 0);
  const allowed = trace ? roomBytes - fixedBytes : rowBytes * all - (storedBytes - roomBytes);
  let [low, high] = [0, Math.max(...counts)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (bytesAt(middle) <= allowed) low = middle;
    else high = middle - 1;
  }
  return low;
}
