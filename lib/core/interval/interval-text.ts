/**
 * Intervals as text: `[[3,4],[5,7]]`, which the official PPCL trainer takes as `--layer_index`, `3-4.5-7`, which needs no
 * escaping in a URL, and `3-4,5-7`, which runs and files name students by. Reading any checks everything; what is wrong is a `plan-invalid` that names `where`
 * the text came from.
 */
import { ContiguaError } from '../errors.ts';
import { MAX_JSON_BYTES, parseJson } from '../json-text.ts';
import type { BlockInterval, Depth } from './interval.ts';
import { type IntervalSet, overlap, sorted, whyNoInterval } from './interval-set.ts';

/** `[[3,4],[5,7]]`, without spaces, as in the trainer's own scripts. */
export function formatLayerIndex(intervals: IntervalSet): string {
  return JSON.stringify(intervals.map(({ first, last }) => [first, last]));
}

export function parseLayerIndex(text: string, depth: Depth, where: string): IntervalSet {
  const expected = '[[first,last],…]';
  let value: unknown;
  try {
    const notJson = 'Intervals are not readable';
    value = parseJson(text, { file: where, code: 'plan-invalid', notJson, expected, maxBytes: MAX_JSON_BYTES.plan });
  } catch {
    throw unreadable(text, expected, where);
  }
  if (!Array.isArray(value)) throw unreadable(text, expected, where);
  const intervals = value.map((pair: unknown) => {
    const [first, last]: unknown[] = Array.isArray(pair) && pair.length === 2 ? pair : [];
    if (typeof first !== 'number' || typeof last !== 'number') {
      throw unreadable(JSON.stringify(pair), 'a pair [first,last] of block numbers', where);
    }
    return { first, last };
  });
  return intervalSetOf(intervals, depth, where);
}

/** `3-4`: an interval's name in runs, files and addresses. */
export function formatIntervalKey({ first, last }: BlockInterval): string {
  return `${first}-${last}`;
}

/** `3-4,7-9`; no interval is the empty string. */
export function formatIntervalKeys(intervals: IntervalSet): string {
  return intervals.map(formatIntervalKey).join(',');
}

/** `3-4,7-9` back, in any order, spaces aside. */
export function parseIntervalKeys(text: string, depth: Depth, where: string): IntervalSet {
  return parsePairs(text, ',', '3-4,7-9', depth, where);
}

/** `3-4.5-7`; nothing chosen is the empty string. */
export function formatIntervalParam(intervals: IntervalSet): string {
  return intervals.map(formatIntervalKey).join('.');
}

export function parseIntervalParam(text: string, depth: Depth, where: string): IntervalSet {
  return parsePairs(text, '.', '3-4.5-7', depth, where);
}

function parsePairs(text: string, separator: string, like: string, depth: Depth, where: string): IntervalSet {
  const parts = text === '' ? [] : text.split(separator);
  const intervals = parts.map((part) => parseIntervalKey(part, `first-last, as in ${like}`, where));
  return intervalSetOf(intervals, depth, where);
}

/** `3-4` back, spaces aside; whether a model has such an interval is for `intervalSetOf` to say. */
export function parseIntervalKey(text: string, expected: string, where: string): BlockInterval {
  const [, first, last] = /^\s*(\d{1,6})-(\d{1,6})\s*$/.exec(text) ?? [];
  if (first === undefined || last === undefined) throw unreadable(text, expected, where);
  return { first: Number(first), last: Number(last) };
}

/** Intervals from outside, in any order, as a set; throws on the first that is none, or on two that share a block. */
export function intervalSetOf<I extends BlockInterval>(
  intervals: readonly I[],
  depth: Depth,
  where: string,
): readonly I[] {
  for (const interval of intervals) {
    const reason = whyNoInterval(interval, depth);
    if (reason !== null) {
      throw new ContiguaError('plan-invalid', 'Not an interval of this model', {
        file: where,
        found: `[${interval.first},${interval.last}]`,
        expected: `0 ≤ first < last ≤ ${depth.numBlocks - 1}`,
        hint: reason,
      });
    }
  }
  const set = sorted(intervals);
  set.forEach((interval, i) => {
    const next = set[i + 1];
    if (next === undefined || !overlap(interval, next)) return;
    throw new ContiguaError('plan-invalid', 'Two intervals share blocks', {
      file: where,
      found: `[${interval.first},${interval.last}] and [${next.first},${next.last}]`,
      expected: 'intervals that do not overlap',
    });
  });
  return set;
}

function unreadable(found: string, expected: string, where: string): ContiguaError {
  const shown = found.length > 60 ? `${found.slice(0, 60)}…` : found;
  return new ContiguaError('plan-invalid', 'Intervals are not readable', {
    file: where,
    found: shown === '' ? 'nothing' : shown,
    expected,
  });
}
