import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DEFAULT_DETECTION } from '../detection/index.ts';
import { ContiguaError } from '../errors.ts';
import type { AnalysisReport, Matrix, StreamAnalysis } from '../report/index.ts';
import {
  assertPlanFits,
  buildPlan,
  formatPlan,
  type Plan,
  type PlanChoice,
  PRODUCT_VERSION,
  parsePlan,
  pluggedPlan,
} from './index.ts';
import { planJsonSchema } from './json-schema.ts';

const BLOCKS = 6;
const FINGERPRINT = `sha256:${'ab'.repeat(32)}`;
const square: Matrix = Array.from({ length: BLOCKS }, (_, u) =>
  Array.from({ length: BLOCKS }, (_, k) => (k < u ? null : 1 - (k - u) / 8)),
);
const both = <T>(value: T) => ({ debiased: value, biased: value });
const nulls = new Array<null>(BLOCKS).fill(null);
const stream: StreamAnalysis = {
  probeR2: nulls,
  probeError: nulls,
  cka: both(square),
  trajectories: both({
    'block-u/teacher-after-k': square,
    'block-u/teacher-after-u': square,
    'probe-u/teacher-after-k': square,
    'probe-u/teacher-after-u': square,
  }),
};
const model = {
  name: 'tiny',
  fingerprint: FINGERPRINT,
  className: 'QwenImageTransformer2DModel',
  family: 'qwen-image',
  numBlocks: BLOCKS,
  seams: [],
  width: 64,
  blocks: Array.from({ length: BLOCKS }, () => ({ parameters: 1000, updates: ['image', 'text'] })),
  globalParameters: 500,
};
const tokens = { image: 16, text: 8 };
const report: AnalysisReport = {
  version: 1,
  model: { name: 'tiny', fingerprint: FINGERPRINT, family: 'qwen-image', numBlocks: BLOCKS },
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
  damage: [{ first: 1, last: 3, removedError: 0.0625, probedError: 0.03, directionError: 0.2 }],
  blockMs: [1, 1, 1, 1, 1, 1],
  engine: { name: 'wasm', device: '1 thread' },
  stagesMs: {},
};
const choice: PlanChoice = {
  model,
  report,
  intervals: [
    { first: 4, last: 5 },
    { first: 1, last: 3 },
  ],
  replacement: 'removed',
  detection: DEFAULT_DETECTION,
};
const plan = buildPlan(choice);

function refusalOf(read: () => unknown): ContiguaError {
  try {
    read();
  } catch (error) {
    if (error instanceof ContiguaError) return error;
    throw error;
  }
  throw new Error('was accepted');
}
const spoilt = (change: object): string => JSON.stringify({ ...plan, ...change });

describe('buildPlan', () => {
  it('maps every old block to its new place and fate', () => {
    expect(plan.blockMap).toEqual([
      { old: 0, new: 0, fate: 'kept' },
      { old: 1, new: 1, fate: 'replaced' },
      { old: 2, new: null, fate: 'removed' },
      { old: 3, new: null, fate: 'removed' },
      { old: 4, new: 2, fate: 'replaced' },
      { old: 5, new: null, fate: 'removed' },
    ]);
    expect(plan.blocks).toEqual({ before: 6, after: 3 });
    expect(plan.parameters).toEqual({ before: 6500, after: 3500 });
  });

  it('orders intervals by depth, each with its similarity and its damage where measured', () => {
    expect(plan.intervals).toEqual([
      { first: 1, last: 3, cka: 0.75, removedError: 0.0625 },
      { first: 4, last: 5, cka: 0.875, removedError: null },
    ]);
  });

  it('keeps where the numbers come from', () => {
    expect(plan.model).toMatchObject({ fingerprint: FINGERPRINT, numBlocks: BLOCKS });
    expect(plan.calibration).toEqual(report.calibration);
    expect(plan.settings).toEqual({ ...DEFAULT_DETECTION, ridge: 1e-6, heldOutShare: 0.25 });
    expect(plan.createdWith).toBe(`contigua ${PRODUCT_VERSION}`);
  });

  it('counts the probes where they stand in', () => {
    const probed = buildPlan({ ...choice, replacement: 'probes' });
    expect(probed.parameters.after).toBe(3500 + 6 * (64 ** 2 + 64));
  });

  it('says null, not zero, where nothing was analysed', () => {
    const blind = buildPlan({ ...choice, report: null });
    expect(blind.calibration).toBeNull();
    expect(blind.settings).toBeNull();
    expect(blind.intervals.every(({ cka, removedError }) => cka === null && removedError === null)).toBe(true);
    expect(parsePlan(formatPlan(blind), 'plan.json')).toEqual(blind);
  });

  it('gives the same bytes for the same choice, and a time only when told one', () => {
    expect(formatPlan(buildPlan(choice))).toBe(formatPlan(plan));
    expect(plan).not.toHaveProperty('createdAt');
    expect(buildPlan({ ...choice, createdAt: '2026-11-23T04:00:00Z' }).createdAt).toBe('2026-11-23T04:00:00Z');
  });

  it('refuses overlapping intervals and a report of another model', () => {
    const overlapping = [
      { first: 1, last: 3 },
      { first: 3, last: 4 },
    ];
    expect(refusalOf(() => buildPlan({ ...choice, intervals: overlapping })).code).toBe('plan-invalid');
    const foreign = { ...report, model: { ...report.model, fingerprint: `sha256:${'cd'.repeat(32)}` } };
    expect(refusalOf(() => buildPlan({ ...choice, report: foreign })).code).toBe('plan-mismatch');
  });

  it('names the version of package.json as its maker', () => {
    const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
    expect(text).toContain(`"version": "${PRODUCT_VERSION}"`);
  });
});

/** Parameters of each block. */
const SIZES = model.blocks.map(({ parameters }) => parameters);

describe('pluggedPlan', () => {
  const plugged = pluggedPlan({ ...plan, createdAt: '2026-11-23T04:00:00Z' }, [{ first: 4, last: 5 }], SIZES);

  it('keeps the plugged intervals with their figures, and gives the other blocks back', () => {
    expect(plugged.replacement).toBe('students');
    expect(plugged.intervals).toEqual([{ first: 4, last: 5, cka: 0.875, removedError: null }]);
    expect(plugged.blocks).toEqual({ before: 6, after: 5 });
    expect(plugged.parameters).toEqual({ before: 6500, after: 5500 });
    expect(plugged.blockMap[2]).toEqual({ old: 2, new: 2, fate: 'kept' });
    expect(plugged.blockMap[4]).toEqual({ old: 4, new: 4, fate: 'replaced' });
    expect(plugged).not.toHaveProperty('createdAt');
  });

  it('is a plan that reads back, and the whole model where nothing is plugged in', () => {
    expect(parsePlan(formatPlan(plugged), 'plan.json')).toEqual(plugged);
    const nothing = pluggedPlan(plan, [], SIZES);
    expect(nothing.blocks.after).toBe(6);
    expect(parsePlan(formatPlan(nothing), 'plan.json')).toEqual(nothing);
  });

  it('refuses a student for an interval that the plan has not', () => {
    const error = refusalOf(() => pluggedPlan(plan, [{ first: 1, last: 2 }], SIZES));
    expect(error.code).toBe('plan-invalid');
    expect(error.message).toMatch(/found 1-2; expected 1-3, 4-5/);
  });
});

const DEEP = '['.repeat(20_000) + ']'.repeat(20_000);

describe('parsePlan', () => {
  it('gives back what was written', () => {
    expect(parsePlan(formatPlan(plan), 'plan.json')).toEqual(plan);
    const dated: Plan = { ...plan, createdAt: '2026-11-23T04:00:00+01:00' };
    expect(parsePlan(formatPlan(dated), 'plan.json')).toEqual(dated);
  });

  it.each<[string, string, RegExp]>([
    ['an empty file', '', /The file is empty; found 0 bytes; expected a plan\.json/],
    ['a cut file', formatPlan(plan).slice(0, 300), /The file is not JSON/],
    ['another JSON', '"hello"', /holds something else; found "hello"/],
    ['a config.json', '{"_class_name":"X"}', /holds something else; found \{"_class_name":"X"\}, without a `version`/],
    ['a plan without its schema', spoilt({ $schema: undefined }), /`\$schema` is wrong; found nothing; expected "urn/],
    ['a newer version', spoilt({ version: 2 }), /newer Contigua; found version 2; expected version 1/],
    ['a word for a version', spoilt({ version: '1' }), /`version` is wrong; found "1"; expected 1/],
    [
      'a wrong block',
      spoilt({ intervals: [{ ...plan.intervals[0], first: -1 }] }),
      /`intervals\[0\]\.first` is wrong; found -1/,
    ],
    [
      'half a block',
      spoilt({ intervals: [{ ...plan.intervals[0], last: 2.5 }] }),
      /`intervals\[0\]\.last` is wrong; found 2\.5; expected a whole number/,
    ],
    [
      'a block beyond the model',
      spoilt({ intervals: [{ ...plan.intervals[0], last: 6 }] }),
      /found \[1,6\]; expected 0 ≤ first < last ≤ 5/,
    ],
    ['one block alone', spoilt({ intervals: [{ ...plan.intervals[0], last: 1 }] }), /found \[1,1\]/],
    [
      'overlap',
      spoilt({ intervals: [plan.intervals[0], { ...plan.intervals[1], first: 3 }] }),
      /share blocks; found \[1,3\] and \[3,5\]/,
    ],
    ['disorder', spoilt({ intervals: [...plan.intervals].reverse() }), /`intervals\[0\]` contradicts/],
    ['a wrong count', spoilt({ blocks: { before: 6, after: 4 } }), /`blocks` contradicts.*found 6 → 4; expected 6 → 3/],
    [
      'a short map',
      spoilt({ blockMap: plan.blockMap.slice(1) }),
      /`blockMap` contradicts.*found 5 entries; expected 6/,
    ],
    [
      'a wrong map',
      spoilt({ blockMap: plan.blockMap.with(2, { old: 2, new: 2, fate: 'kept' }) }),
      /`blockMap\[2\]` contradicts/,
    ],
    [
      'more blocks than any model has',
      spoilt({
        model: { ...plan.model, numBlocks: 2 ** 40 },
        intervals: [],
        blocks: { before: 2 ** 40, after: 2 ** 40 },
      }),
      /`model\.numBlocks` is more than any model has; found 1099511627776; expected at most 1024/,
    ],
    ['20,000 levels', DEEP, /nested too deeply; found more than 127 levels/],
    ['20,000 levels in a field that it does not know', spoilt({ note: 'x' }).replace('"x"', DEEP), /nested too deeply/],
    [
      'a strange fingerprint',
      spoilt({ model: { ...plan.model, fingerprint: 'abc' } }),
      /`model\.fingerprint` is wrong; found "abc"; expected "sha256:"/,
    ],
  ])('refuses %s, naming the file, the place, what is there and what should be', (_, text, message) => {
    const error = refusalOf(() => parsePlan(text, 'mine.json'));
    expect(error.code).toBe('plan-invalid');
    expect(error.message).toMatch(message);
    expect(error.details.file).toBe('mine.json');
  });

  it('ignores fields that it does not know', () => {
    expect(parsePlan(spoilt({ note: 'for Monday' }), 'plan.json')).toEqual(plan);
  });
});

describe('assertPlanFits', () => {
  it('accepts the model that the plan was made for, under whatever name', () => {
    expect(() => assertPlanFits(plan, { ...model, name: 'renamed' }, 'plan.json')).not.toThrow();
  });

  it('names both models when they differ, and what can be done', () => {
    const other = { name: 'other', fingerprint: `sha256:${'cd'.repeat(32)}`, numBlocks: 60 };
    const error = refusalOf(() => assertPlanFits(plan, other, 'plan.json'));
    expect(error.code).toBe('plan-mismatch');
    expect(error.details.found).toBe(`tiny, 6 blocks, fingerprint ${FINGERPRINT}`);
    expect(error.details.expected).toContain('other, 60 blocks');
    expect(error.details.hint).toContain('[[1,3],[4,5]]');
    const small = { ...other, numBlocks: 4 };
    expect(refusalOf(() => assertPlanFits(plan, small, 'plan.json')).details.hint).toBe('Open tiny to use it.');
  });
});

describe('the published JSON Schema', () => {
  // After a deliberate change: npx vitest run lib/core/plan -u
  it('is what the reader checks', async () => {
    const text = `${JSON.stringify(planJsonSchema(), null, 2)}\n`;
    await expect(text).toMatchFileSnapshot('../../../public/schema/plan-v1.schema.json');
  });
});
