import { describe, expect, it } from 'vitest';
import { ContiguaError } from '../errors.ts';
import { parseReport } from './parse-report.ts';
import type { AnalysisReport, Matrix, StreamAnalysis } from './report.ts';

const BLOCKS = 3;
const square: Matrix = Array.from({ length: BLOCKS }, (_, u) =>
  Array.from({ length: BLOCKS }, (_, k) => (k < u ? null : 1 - 0.125 * (k - u))),
);
const both = <T>(value: T) => ({ debiased: value, biased: value });
const stream: StreamAnalysis = {
  probeR2: [0.5, 0.75, null],
  probeError: [0.5, 0.25, null],
  cka: both(square),
  trajectories: both({
    'block-u/teacher-after-k': square,
    'block-u/teacher-after-u': square,
    'probe-u/teacher-after-k': square,
    'probe-u/teacher-after-u': square,
  }),
};
const tokens = { image: 64, text: 13 };
const report: AnalysisReport = {
  version: 1,
  model: { name: 'tiny', fingerprint: 'sha256:00', family: 'qwen-image', numBlocks: BLOCKS },
  calibration: {
    kind: 'synthetic',
    label: 'SYNTHETIC inputs, seed 7',
    seed: 7,
    samples: 1,
    timesteps: [0.5],
    tokens,
    fitTokens: tokens,
    heldOutTokens: tokens,
  },
  settings: { ridge: 1e-6, heldOutShare: 0.25 },
  streams: { image: stream, text: stream },
  damage: [{ first: 0, last: 1, removedError: 0.1, probedError: 0.05, directionError: 0.2 }],
  blockMs: [1, 2, 3],
  engine: { name: 'wasm', device: '1 thread, SIMD' },
  stagesMs: { capture: 12 },
};

type Json = { [key: string]: Json } | Json[] | string | number | boolean | null;
/** The report with the value at a path replaced, or dropped where it is undefined. */
function spoilt(path: readonly (string | number)[], value: Json | undefined): string {
  const replace = (inner: unknown, [key, ...rest]: readonly (string | number)[]): unknown => {
    if (key === undefined) return value;
    if (Array.isArray(inner)) return inner.map((item, i) => (i === key ? replace(item, rest) : item));
    if (typeof inner !== 'object' || inner === null) throw new Error(`no ${key}`);
    return { ...inner, [key]: replace(Reflect.get(inner, key), rest) };
  };
  return JSON.stringify(replace(report, path));
}
function refusalOf(text: string): ContiguaError {
  try {
    parseReport(text, 'report.json');
  } catch (error) {
    if (error instanceof ContiguaError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

describe('parseReport', () => {
  it('gives back what was written', () => {
    expect(parseReport(JSON.stringify(report), 'report.json')).toEqual(report);
  });

  it('ignores fields that it does not know', () => {
    expect(parseReport(spoilt(['note'], 'mine'), 'report.json')).toEqual(report);
  });

  it.each<[string, string, RegExp]>([
    ['an empty file', '', /report\.json: The file is empty; found 0 bytes/],
    ['something that is not JSON', '{"version":', /report\.json: The file is not JSON/],
    ['20,000 levels', '['.repeat(20_000) + ']'.repeat(20_000), /nested too deeply; found more than 127 levels/],
    [
      'two million wrong values',
      JSON.stringify({ ...report, blockMs: Array.from({ length: 2_000_000 }, () => 'x') }),
      /holds something else; found more than 100,000 wrong values/,
    ],
    ['65 MiB', `"${' '.repeat(65 * 2 ** 20)}"`, /report\.json: The file is too large; found 68,157,442 bytes/],
    ['an array', '[]', /holds something else; found \[\], without a `version`; expected a report\.json of Contigua/],
    ['a newer version', spoilt(['version'], 2), /newer Contigua; found version 2; expected version 1/],
    ['a missing part', spoilt(['calibration'], undefined), /`calibration` is wrong; found nothing; expected object/],
    ['a word for a number', spoilt(['blockMs', 1], 'fast'), /`blockMs\[1\]` is wrong; found "fast"; expected number/],
    [
      'an unknown kind of calibration',
      spoilt(['calibration', 'kind'], 'guess'),
      /`calibration\.kind` is wrong; found "guess"; expected "shapes" or "file" or "synthetic"/,
    ],
    [
      'too few values',
      spoilt(['blockMs'], [1, 2]),
      /`blockMs` does not fit the number of blocks; found 2 values; expected 3/,
    ],
    [
      'a short row',
      spoilt(['streams', 'text', 'cka', 'biased', 1], [1]),
      /`streams\.text\.cka\.biased\[1\]` does not fit/,
    ],
    ['an interval outside the model', spoilt(['damage', 0, 'last'], 3), /`damage\[0\]` is no interval.*found \[0,3\]/],
  ])('refuses %s, naming the place, what is there and what should be', (_, text, message) => {
    const error = refusalOf(text);
    expect(error.code).toBe('inputs-invalid');
    expect(error.message).toMatch(message);
    expect(error.message).toContain('report.json');
  });
});
