import { describe, expect, it } from 'vitest';
import { type RunReplacement, runEdit } from '../edit/index.ts';
import { ContiguaError } from '../errors.ts';
import { parseReport } from './parse-report.ts';
import { type AnalysisReport, type Matrix, outputErrorOf } from './report.ts';
import { damageOf, EXAMPLE_SPLIT, readingsOf, similarityWith, streamWith } from './report-fixtures.ts';

const BLOCKS = 3;
const square: Matrix = Array.from({ length: BLOCKS }, (_, u) =>
  Array.from({ length: BLOCKS }, (_, k) => (k < u ? null : 1 - 0.125 * (k - u))),
);
const both = <T>(value: T) => ({ debiased: value, biased: value });
const stream = streamWith(square, [0.5, 0.25, null], [0.5, 0.75, null]);
const tokens = { image: 64, text: 13 };
const report: AnalysisReport = {
  version: 3,
  model: {
    name: 'tiny',
    fingerprint: 'sha256:00',
    className: 'QwenImageTransformer2DModel',
    family: 'qwen-image',
    numBlocks: BLOCKS,
    width: 96,
    streams: [
      { id: 'image', label: 'image' },
      { id: 'text', label: 'text' },
    ],
    stacks: [{ id: 'dual', label: 'dual-stream blocks', first: 0, last: 2 }],
    blocks: [['image', 'text'], ['image', 'text'], ['image']].map((updates) => ({
      kind: 'dual',
      stack: 'dual',
      updates,
    })),
  },
  calibration: {
    kind: 'synthetic',
    label: 'SYNTHETIC inputs, seed 7',
    seed: 7,
    file: null,
    samples: 1,
    timesteps: [0.5],
    tokens,
    fitTokens: tokens,
    heldOutTokens: tokens,
  },
  settings: { ridge: 1e-6, damageSamples: 1 },
  split: EXAMPLE_SPLIT,
  bands: [],
  confidence: null,
  streams: { image: stream, text: stream },
  damage: [
    damageOf(runEdit({ first: 0, last: 1 }, 'nothing'), 0.125),
    damageOf(runEdit({ first: 0, last: 1 }, 'probes'), null),
  ],
  directionErrors: square,
  proxies: null,
  parts: [],
  blockMs: [1, 2, 3],
  engine: { name: 'wasm', device: '1 thread, SIMD' },
  stagesMs: { capture: 12 },
};

type Json = { [key: string]: Json } | Json[] | string | number | boolean | null;
/** The report with the value at a path replaced, or dropped where it is undefined. */
function spoilt(path: readonly (string | number)[], value: Json | undefined): string {
  const replace = (inner: unknown, [key, ...rest]: readonly (string | number)[]): unknown => {
    if (key === undefined) return value;
    if (Array.isArray(inner) && typeof key === 'number') {
      return key < inner.length ? inner.with(key, replace(inner[key], rest)) : [...inner, replace(undefined, rest)];
    }
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

  it('takes one of a model that was not at hand, timed by nobody', () => {
    const trace: AnalysisReport = {
      ...report,
      model: { ...report.model, fingerprint: null, className: null, family: null },
      engine: null,
      blockMs: [null, 2, null],
      settings: { ...report.settings, damageSamples: null },
      damage: [],
    };
    expect(parseReport(JSON.stringify(trace), 'report.json')).toEqual(trace);
  });

  it.each([1, 3])('takes one of a model of %i streams', (count) => {
    const ids = ['latent', 'caption', 'audio'].slice(0, count);
    const perStream = <T>(value: T) => Object.fromEntries(ids.map((id) => [id, value]));
    const other: AnalysisReport = {
      ...report,
      model: {
        ...report.model,
        streams: ids.map((id) => ({ id, label: `the ${id}` })),
        blocks: report.model.blocks.map((block) => ({ ...block, updates: ids })),
      },
      calibration: {
        ...report.calibration,
        tokens: perStream(4),
        fitTokens: perStream(3),
        heldOutTokens: perStream(1),
      },
      streams: perStream(stream),
    };
    expect(parseReport(JSON.stringify(other), 'report.json')).toEqual(other);
  });

  it('tells an edit that overflows from one that was not measured', () => {
    const read = parseReport(JSON.stringify(report), 'report.json');
    const by = (replacement: RunReplacement) => outputErrorOf(read, runEdit({ first: 0, last: 1 }, replacement));
    expect([by('nothing'), by('probes'), by('student')]).toEqual([0.125, null, undefined]);
    expect(outputErrorOf(read, runEdit({ first: 0, last: 2 }, 'nothing'))).toBeUndefined();
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
    ['a newer version', spoilt(['version'], 4), /newer Contigua; found version 4; expected version 3/],
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
      spoilt(['streams', 'text', 'similarity', 'all', 'cka', 'biased', 1], [1]),
      /`streams\.text\.similarity\.all\.cka\.biased\[1\]` does not fit/,
    ],
    [
      'a run outside the model',
      spoilt(['damage', 0, 'edit', 'last'], 3),
      /`damage\[0\]` is no interval.*found \[0,3\]/,
    ],
    [
      'an unknown replacement',
      spoilt(['damage', 1, 'edit', 'by'], 'magic'),
      /`damage\[1\]\.edit\.by` is wrong; found "magic"; expected "nothing" or "probes" or "linear" or "student"/,
    ],
    ['a short row of direction errors', spoilt(['directionErrors', 2], [1]), /`directionErrors\[2\]` does not fit/],
    ['too few blocks', spoilt(['model', 'blocks'], []), /`model\.blocks` does not fit.*found 0 values; expected 3/],
    [
      'stacks that end early',
      spoilt(['model', 'stacks', 0, 'last'], 1),
      /`model\.stacks` does not fit the number of blocks; found 2 blocks; expected 3/,
    ],
    [
      'stacks that begin late',
      spoilt(['model', 'stacks', 0, 'first'], 1),
      /`model\.stacks\[0\]` does not fit.*found blocks 1 to 2; expected a stack from block 0 on/,
    ],
    [
      'a declared stream that was not analysed',
      spoilt(['model', 'streams', 2], { id: 'audio', label: 'sound' }),
      /`streams\.audio` is missing; found image, text; expected every stream/,
    ],
    [
      'an analysed stream that is not declared',
      spoilt(['streams', 'audio'], JSON.parse(JSON.stringify(stream))),
      /`streams\.audio` is not declared; found audio; .*image, text/,
    ],
    [
      'a block that updates an unknown stream',
      spoilt(['model', 'blocks', 1, 'updates'], ['image', 'audio']),
      /`model\.blocks\[1\]\.updates` names another stream; found audio; expected image, text/,
    ],
  ])('refuses %s, naming the place, what is there and what should be', (_, text, message) => {
    const error = refusalOf(text);
    expect(error.code).toBe('inputs-invalid');
    expect(error.message).toMatch(message);
    expect(error.message).toContain('report.json');
  });
});

/** What versions 1 and 2 said of a stream: all its tokens, those that the probes were fitted on included. */
const streamV1 = {
  probeR2: stream.probeR2,
  probeError: stream.probeError,
  cka: both(square),
  trajectories: both(readingsOf(square)),
};

const { width: __, ...modelV2 } = report.model;

describe('a report of version 2', () => {
  const v2 = {
    version: 2,
    model: modelV2,
    calibration: report.calibration,
    settings: { ridge: 1e-6, heldOutShare: 0.25, split: 'golden-ratio', damageSamples: 4 },
    streams: { image: streamV1, text: streamV1 },
    damage: [{ edit: runEdit({ first: 0, last: 1 }, 'nothing'), outputError: 0.125 }],
    directionErrors: square,
    blockMs: [1, null, 3],
    engine: null,
    stagesMs: { capture: 12 },
  };
  const read = (change: object) => parseReport(JSON.stringify({ ...v2, ...change }), 'report.json');

  it('took similarities over all tokens, and has none over held-out ones', () => {
    const upgraded = read({});
    const { rows: _, ...all } = similarityWith(square);
    for (const [id, { similarity, ...rest }] of Object.entries(upgraded.streams)) {
      expect(similarity).toEqual({ 'held-out': null, all: { ...all, rows: v2.calibration.tokens[id] } });
      expect(rest).toEqual({ probeR2: stream.probeR2, probeError: stream.probeError, probeBounds: null, bands: [] });
    }
    expect(upgraded).toEqual({
      ...report,
      model: { ...report.model, width: null },
      settings: { ridge: 1e-6, damageSamples: 4 },
      split: { rule: 'golden-ratio', share: 0.25 },
      streams: upgraded.streams,
      damage: [damageOf(runEdit({ first: 0, last: 1 }, 'nothing'), 0.125)],
      blockMs: [1, null, 3],
      engine: null,
    });
  });

  it('reads back as what it is written as', () => {
    const upgraded = read({});
    expect(parseReport(JSON.stringify(upgraded), 'report.json')).toEqual(upgraded);
  });

  it.each<[string, object, RegExp]>([
    [
      'a wrong interval',
      { damage: [{ ...v2.damage[0], edit: runEdit({ first: 1, last: 3 }, 'nothing') }] },
      /`damage\[0\]` is no interval/,
    ],
    ['no text', { streams: { image: streamV1 } }, /`streams\.text` is missing/],
    [
      'a short row',
      { streams: { image: streamV1, text: { ...streamV1, cka: both([...square.slice(1), [1]]) } } },
      /`streams\.text\.cka\.debiased\[2\]` does not fit/,
    ],
  ])('with %s is refused at a place that the file has', (_, change, message) => {
    const error = refusalOf(JSON.stringify({ ...v2, ...change }));
    expect(error.code).toBe('inputs-invalid');
    expect(error.message).toMatch(message);
  });
});

describe('a report of version 1', () => {
  const withoutLast: Matrix = square.map((row) => row.with(2, null));
  const lastLeftAlone = {
    ...streamV1,
    trajectories: both({ ...readingsOf(square), 'probe-u/teacher-after-k': withoutLast }),
  };
  const { file: _, ...calibration } = report.calibration;
  const v1 = {
    version: 1,
    model: { name: 'tiny', fingerprint: 'sha256:00', family: 'qwen-image', numBlocks: BLOCKS, seams: [1] },
    calibration,
    settings: { ridge: 1e-6, heldOutShare: 0.25 },
    streams: { image: streamV1, text: lastLeftAlone },
    damage: [
      { first: 0, last: 1, removedError: 0.1, probedError: null, directionError: 0.2 },
      { first: 1, last: 2, removedError: 0.3, probedError: 0.2, directionError: 0.4 },
    ],
    blockMs: [1, 2, 3],
    engine: { name: 'wasm', device: '1 thread, SIMD' },
    stagesMs: { capture: 12 },
  };
  const read = (change: object) => parseReport(JSON.stringify({ ...v1, ...change }), 'report.json');

  it('measured every interval by nothing and by probes', () => {
    const { damage, directionErrors } = read({});
    expect(damage).toEqual([
      damageOf(runEdit({ first: 0, last: 1 }, 'nothing'), 0.1),
      damageOf(runEdit({ first: 0, last: 1 }, 'probes'), null),
      damageOf(runEdit({ first: 1, last: 2 }, 'nothing'), 0.3),
      damageOf(runEdit({ first: 1, last: 2 }, 'probes'), 0.2),
    ]);
    expect(directionErrors).toEqual([
      [null, 0.2, null],
      [null, null, 0.4],
      [null, null, null],
    ]);
  });

  it('had image and text, two unnamed stacks at a seam, and no probe where a block leaves a stream alone', () => {
    const { model, settings, split } = read({});
    expect(model).toMatchObject({ className: null, family: 'qwen-image', streams: report.model.streams });
    expect(model.stacks.map(({ first, last }) => [first, last])).toEqual([
      [0, 0],
      [1, 2],
    ]);
    expect(model.blocks.map(({ stack }) => stack)).toEqual([0, 1, 1].map((i) => model.stacks[i]?.id));
    expect(model.blocks.map(({ updates }) => updates)).toEqual([['image', 'text'], ['image', 'text'], ['image']]);
    expect(settings).toEqual({ ridge: 1e-6, damageSamples: 8 });
    expect(split).toEqual({ rule: 'golden-ratio', share: 0.25 });
  });

  it('reads back as what it is written as', () => {
    const upgraded = read({});
    expect(parseReport(JSON.stringify(upgraded), 'report.json')).toEqual(upgraded);
  });

  it.each<[string, object, RegExp]>([
    ['a wrong interval', { damage: [v1.damage[0], { ...v1.damage[1], last: 3 }] }, /`damage\[1\]` is no interval/],
    ['half a block', { damage: [{ ...v1.damage[0], last: 1.5 }] }, /`damage\[0\]\.last` is wrong; found 1\.5/],
    ['a seam beyond the model', { model: { ...v1.model, seams: [1, 3] } }, /`model\.seams\[1\]` does not fit.*found 3/],
    ['no text', { streams: { image: streamV1 } }, /`streams\.text` is wrong; found nothing/],
    [
      'a billion blocks and a seam',
      { model: { ...v1.model, numBlocks: 1e9 } },
      /`blockMs` does not fit the number of blocks; found 3 values; expected 1000000000/,
    ],
  ])('with %s is refused at a place that the file has', (_, change, message) => {
    const error = refusalOf(JSON.stringify({ ...v1, ...change }));
    expect(error.code).toBe('inputs-invalid');
    expect(error.message).toMatch(message);
  });
});
