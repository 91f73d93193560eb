import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { refusalOf } from '../../testing/refusal.ts';
import { DEFAULT_DETECTION } from '../detection/index.ts';
import { type RunEdit, runEdit, runEdits } from '../edit/index.ts';
import type { AnalysisReport, Matrix } from '../report/index.ts';
import { damageOf, EXAMPLE_SPLIT, streamWith } from '../report/report-fixtures.ts';
import {
  assertPlanFits,
  buildPlan,
  formatPlan,
  type Plan,
  type PlanChoice,
  PRODUCT_VERSION,
  parsePlan,
  pluggedPlan,
  trainedPlan,
} from './index.ts';
import { planJsonSchema } from './json-schema.ts';
import { planV1 } from './schema-v1.ts';
import { planV2 } from './schema-v2.ts';

const BLOCKS = 6;
const FINGERPRINT = `sha256:${'ab'.repeat(32)}`;
const square: Matrix = Array.from({ length: BLOCKS }, (_, u) =>
  Array.from({ length: BLOCKS }, (_, k) => (k < u ? null : 1 - (k - u) / 8)),
);
const nulls = new Array<null>(BLOCKS).fill(null);
const stream = streamWith(square, nulls);
const STREAMS = [
  { id: 'image', label: 'image' },
  { id: 'text', label: 'text' },
];
const ONE_STACK = [{ id: 'dual', label: 'dual-stream blocks', first: 0, last: BLOCKS - 1 }];
const model = {
  name: 'tiny',
  fingerprint: FINGERPRINT,
  className: 'QwenImageTransformer2DModel',
  family: 'qwen-image',
  numBlocks: BLOCKS,
  streams: STREAMS,
  stacks: ONE_STACK,
  width: 64,
  blocks: Array.from({ length: BLOCKS }, () => ({ parameters: 1000, updates: ['image', 'text'] })),
  globalParameters: 500,
};
const tokens = { image: 16, text: 8 };
const report: AnalysisReport = {
  version: 3,
  model: {
    name: 'tiny',
    fingerprint: FINGERPRINT,
    className: model.className,
    family: 'qwen-image',
    numBlocks: BLOCKS,
    width: null,
    streams: STREAMS,
    stacks: ONE_STACK,
    blocks: model.blocks.map(({ updates }) => ({ kind: 'dual', stack: 'dual', updates })),
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
    damageOf(runEdit({ first: 1, last: 3 }, 'nothing'), 0.0625),
    damageOf(runEdit({ first: 1, last: 3 }, 'probes'), 0.03125),
  ],
  directionErrors: square,
  proxies: null,
  parts: [],
  blockMs: [1, 1, 1, 1, 1, 1],
  engine: { name: 'wasm', device: '1 thread' },
  stagesMs: {},
};
const choice: PlanChoice<RunEdit> = {
  model,
  report,
  edits: [runEdit({ first: 4, last: 5 }, 'nothing'), runEdit({ first: 1, last: 3 }, 'nothing')],
  detection: DEFAULT_DETECTION,
};
const plan = buildPlan(choice);

const spoilt = (change: object): string => JSON.stringify({ ...plan, ...change });
const stacksOf = (...runs: [number, number][]) =>
  runs.map(([first, last], i) => ({ id: `${i}`, label: 'blocks', first, last }));

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

  it('orders edits by depth, each with its similarity and its damage where measured', () => {
    expect(plan.edits).toEqual([
      { on: 'run', first: 1, last: 3, by: 'nothing', cka: 0.75, removedError: 0.0625, outputError: 0.0625 },
      { on: 'run', first: 4, last: 5, by: 'nothing', cka: 0.875, removedError: null, outputError: null },
    ]);
  });

  it('says in which share of the resamples the rule finds a run, where resamples were drawn', () => {
    const { estimator, start, target, streams } = choice.detection;
    const intervals = [{ first: 1, last: 3, share: 0.84 }];
    const detections = [{ estimator, start, target, streams, intervals, breaks: [] }];
    const confidence = { level: 0.95, resamples: 200, seed: 1, groups: 16, detections } as const;
    const resampled = buildPlan({ ...choice, report: { ...choice.report!, confidence } });
    expect(resampled.edits.map(({ foundIn }) => foundIn)).toEqual([0.84, 0]);
    expect(parsePlan(formatPlan(resampled), 'plan.json')).toEqual(resampled);
    expect(plan.edits.some((edit) => 'foundIn' in edit)).toBe(false);
    expect(() => parsePlan(formatPlan(resampled).replace('0.84', '1.84'), 'plan.json')).toThrow(/foundIn/);
  });

  describe('the figures of the whole choice', () => {
    const bounds = { low: 0.0625, high: 0.25 };
    const damage = [
      { ...damageOf(runEdit({ first: 1, last: 3 }, 'nothing'), 0.0625), bounds },
      damageOf(runEdit({ first: 4, last: 5 }, 'nothing'), 0.125),
    ];
    const measuredReport = { ...report, damage };
    const facts = { held: 326, total: 328, pictures: 64 };

    it('are estimated from what its edits cost alone, added in squares, until it is measured', () => {
      const estimated = buildPlan({ ...choice, report: measuredReport });
      expect(estimated.choice).toEqual({
        estimatedError: Math.hypot(0.0625, 0.125),
        outputError: null,
        outputErrorBounds: null,
        facts: null,
      });
      expect(estimated.edits.map(({ outputErrorBounds }) => outputErrorBounds)).toEqual([bounds, undefined]);
      expect(parsePlan(formatPlan(estimated), 'plan.json')).toEqual(estimated);
    });

    it('are its measured error with bounds, and facts as a count with its interval', () => {
      const measured = { damage: { outputError: 0.15, bounds }, facts };
      const whole = buildPlan({ ...choice, report: measuredReport, measured });
      expect(whole.choice).toMatchObject({
        estimatedError: Math.hypot(0.0625, 0.125),
        outputError: 0.15,
        outputErrorBounds: bounds,
      });
      // Wilson's interval of 326 of 328, computed apart from the code.
      expect(whole.choice?.facts).toEqual({
        ...facts,
        bounds: { low: expect.closeTo(0.97804, 5), high: expect.closeTo(0.99833, 5) },
      });
      expect(parsePlan(formatPlan(whole), 'plan.json')).toEqual(whole);
    });

    it('name what the error was measured on, where that is no analysis of the plan', () => {
      const measured = { damage: { outputError: 0.15, bounds: null }, facts: null, on: 'mine.safetensors' };
      const blind = buildPlan({ ...choice, report: null, measured });
      expect(blind.choice).toEqual({
        estimatedError: null,
        outputError: 0.15,
        outputErrorBounds: null,
        facts: null,
        measuredOn: 'mine.safetensors',
      });
      expect(parsePlan(formatPlan(blind), 'plan.json')).toEqual(blind);
    });

    it('are left out where nothing is known, and of what students do to the model', () => {
      expect(plan).not.toHaveProperty('choice');
      expect(buildPlan({ ...choice, edits: [], measured: { damage: null, facts } })).not.toHaveProperty('choice');
      const none = { damage: null, facts: { held: 0, total: 0, pictures: 0 } };
      expect(buildPlan({ ...choice, measured: none })).not.toHaveProperty('choice');
      const trained = trainedPlan(buildPlan({ ...choice, report: measuredReport }), SIZES);
      expect(trained).not.toHaveProperty('choice');
      expect(trained.edits.some((edit) => 'outputErrorBounds' in edit)).toBe(false);
    });

    it('are refused where more facts are held than there are', () => {
      const text = formatPlan(buildPlan({ ...choice, measured: { damage: null, facts } })).replace(': 326', ': 329');
      expect(refusalOf(() => parsePlan(text, 'plan.json')).message).toMatch(
        /`choice\.facts\.held` contradicts.*found 329; expected at most 328/,
      );
    });
  });

  it('says of each edit what it puts in place, and what that was measured to do', () => {
    const mixed = buildPlan({
      ...choice,
      edits: [runEdit({ first: 1, last: 3 }, 'probes'), runEdit({ first: 4, last: 5 }, 'student')],
    });
    expect(mixed.edits).toEqual([
      { on: 'run', first: 1, last: 3, by: 'probes', cka: 0.75, removedError: 0.0625, outputError: 0.03125 },
      { on: 'run', first: 4, last: 5, by: 'student', cka: 0.875, removedError: null, outputError: null },
    ]);
    // Two blocks are replaced by their probes, of both streams each; what the student replaces is gone.
    expect(mixed.parameters.after).toBe(3500 + 4 * (64 ** 2 + 64));
    expect(mixed.blocks).toEqual(plan.blocks);
    expect(mixed.blockMap).toEqual(plan.blockMap);
    expect(parsePlan(formatPlan(mixed), 'plan.json')).toEqual(mixed);
  });

  it('takes over nothing of an edit beside what it is', () => {
    const file = { path: 'student.safetensors' };
    const edits = [{ ...runEdit({ first: 1, last: 3 }, 'student'), file }];
    expect(buildPlan({ ...choice, edits }).edits[0]).not.toHaveProperty('file');
  });

  it('keeps where the numbers come from', () => {
    expect(plan.model).toMatchObject({ fingerprint: FINGERPRINT, numBlocks: BLOCKS, streams: STREAMS });
    expect(plan.model.stacks).toEqual(ONE_STACK);
    expect(plan.calibration).toEqual(report.calibration);
    expect(plan.settings).toEqual({ ...DEFAULT_DETECTION, ...report.settings, split: report.split });
    expect(plan.createdWith).toBe(`contigua ${PRODUCT_VERSION}`);
  });

  it('counts the probes where they stand in', () => {
    const probed = buildPlan({ ...choice, edits: runEdits(choice.edits, 'probes') });
    expect(probed.parameters.after).toBe(3500 + 6 * (64 ** 2 + 64));
  });

  it('says null, not zero, where nothing was analysed', () => {
    const blind = buildPlan({ ...choice, report: null });
    expect(blind.calibration).toBeNull();
    expect(blind.settings).toBeNull();
    expect(blind.edits.map(({ cka, removedError, outputError }) => [cka, removedError, outputError])).toEqual(
      plan.edits.map(() => [null, null, null]),
    );
    expect(parsePlan(formatPlan(blind), 'plan.json')).toEqual(blind);
  });

  it('gives the same bytes for the same choice, and a time only when told one', () => {
    expect(formatPlan(buildPlan(choice))).toBe(formatPlan(plan));
    expect(plan).not.toHaveProperty('createdAt');
    expect(buildPlan({ ...choice, createdAt: '2026-11-23T04:00:00Z' }).createdAt).toBe('2026-11-23T04:00:00Z');
  });

  it('refuses overlapping intervals and a report of another model', () => {
    const overlapping = [runEdit({ first: 1, last: 3 }, 'nothing'), runEdit({ first: 3, last: 4 }, 'student')];
    expect(refusalOf(() => buildPlan({ ...choice, edits: overlapping })).code).toBe('plan-invalid');
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

  it('keeps the plugged runs with the figures of removing them, and gives the other blocks back', () => {
    expect(plugged.edits).toEqual([
      { on: 'run', first: 4, last: 5, by: 'student', cka: 0.875, removedError: null, outputError: null },
    ]);
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

describe('trainedPlan', () => {
  it('puts a student in the place of every run, whatever was planned there', () => {
    const edits = [runEdit({ first: 1, last: 3 }, 'probes'), runEdit({ first: 4, last: 5 }, 'nothing')];
    const trained = trainedPlan(buildPlan({ ...choice, edits }), SIZES);
    expect(trained).toEqual(pluggedPlan(plan, plan.edits, SIZES));
    expect(trained.edits.map(({ by, removedError, outputError }) => [by, removedError, outputError])).toEqual([
      ['student', 0.0625, null],
      ['student', null, null],
    ]);
    const dated = trainedPlan({ ...plan, createdAt: '2025-11-25T10:00:00Z', createdWith: 'contigua 0.0.9' }, SIZES);
    expect(dated).toMatchObject({ createdAt: '2025-11-25T10:00:00Z', createdWith: 'contigua 0.0.9' });
    // No probes are left in the count.
    expect(trained.parameters).toEqual({ before: 6500, after: 3500 });
    expect(trained.blockMap).toEqual(plan.blockMap);
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
    [
      'a plan without its schema',
      spoilt({ $schema: undefined }),
      /`\$schema` is wrong; found nothing; expected "urn:contigua:plan:v3"/,
    ],
    ['a newer version', spoilt({ version: 4 }), /newer Contigua; found version 4; expected version 3/],
    ['a word for a version', spoilt({ version: '2' }), /`version` is wrong; found "2"; expected 1 or 2 or 3/],
    ['a wrong block', spoilt({ edits: [{ ...plan.edits[0], first: -1 }] }), /`edits\[0\]\.first` is wrong; found -1/],
    [
      'half a block',
      spoilt({ edits: [{ ...plan.edits[0], last: 2.5 }] }),
      /`edits\[0\]\.last` is wrong; found 2\.5; expected a whole number/,
    ],
    [
      'a block beyond the model',
      spoilt({ edits: [{ ...plan.edits[0], last: 6 }] }),
      /found \[1,6\]; expected 0 ≤ first < last ≤ 5/,
    ],
    ['one block alone', spoilt({ edits: [{ ...plan.edits[0], last: 1 }] }), /found \[1,1\]/],
    [
      'overlap',
      spoilt({ edits: [plan.edits[0], { ...plan.edits[1], first: 3 }] }),
      /share blocks; found \[1,3\] and \[3,5\]/,
    ],
    ['disorder', spoilt({ edits: [...plan.edits].reverse() }), /`edits\[0\]` contradicts/],
    [
      'an unknown replacement',
      spoilt({ edits: [{ ...plan.edits[0], by: 'magic' }] }),
      /`edits\[0\]\.by` is wrong; found "magic"; expected "nothing" or "probes" or "linear" or "student"/,
    ],
    [
      'stacks with a gap',
      spoilt({ model: { ...plan.model, stacks: stacksOf([0, 2], [4, 5]) } }),
      /`model\.stacks\[1\]` does not fit.*found blocks 4 to 5; expected a stack from block 3 on/,
    ],
    [
      'stacks that overlap',
      spoilt({ model: { ...plan.model, stacks: stacksOf([0, 3], [3, 5]) } }),
      /`model\.stacks\[1\]` does not fit.*found blocks 3 to 5/,
    ],
    [
      'stacks that are too few',
      spoilt({ model: { ...plan.model, stacks: stacksOf([0, 3]) } }),
      /`model\.stacks` does not fit.*found 4 blocks; expected 6/,
    ],
    [
      'a stack beyond the model',
      spoilt({ model: { ...plan.model, stacks: stacksOf([0, 7]) } }),
      /`model\.stacks\[0\]` does not fit.*found blocks 0 to 7; .* inside blocks 0 to 5/,
    ],
    [
      'a stream that is not declared',
      spoilt({ settings: { ...plan.settings, streams: 'audio' } }),
      /`settings\.streams` contradicts.*found audio; expected mean or image or text/,
    ],
    [
      'a run across the seam',
      spoilt({ model: { ...plan.model, stacks: stacksOf([0, 1], [2, 5]) } }),
      /found \[1,3\].*Blocks 1 and 2 are of different stacks/s,
    ],
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
        edits: [],
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
    await expect(text).toMatchFileSnapshot('../../../public/schema/plan-v3.schema.json');
  });

  it.each([
    [1, planV1, 'seams'],
    [2, planV2, 'stacks'],
  ])('of version %i stays published, for the files that name it', (version, schema, ofModel) => {
    const path = `../../../public/schema/plan-v${version}.schema.json`;
    const { $id, properties, required } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
    expect($id).toBe(`urn:contigua:plan:v${version}`);
    expect(Object.keys(properties)).toEqual(Object.keys(schema.shape));
    expect(required).toEqual(Object.keys(schema.shape).filter((key) => key !== 'createdAt'));
    expect(properties.model.properties).toHaveProperty(ofModel);
  });
});

/** What versions 1 and 2 said of a reading. */
const READING = { estimator: 'debiased', start: 'block-u', target: 'teacher-after-k', streams: 'mean' };

describe('a plan of version 2', () => {
  const calibration = { ...report.calibration, label: 'from a file' };
  const v2 = {
    ...plan,
    $schema: 'urn:contigua:plan:v2',
    version: 2,
    calibration,
    settings: { ...READING, streams: 'text', ridge: 1e-6, heldOutShare: 0.25, split: 'golden-ratio', damageSamples: 4 },
  };
  const read = (change: object) => parsePlan(JSON.stringify({ ...v2, ...change }), 'old.json');

  it('took similarities over all tokens, and held samples out by the golden ratio', () => {
    expect(read({})).toEqual({
      ...plan,
      calibration,
      settings: {
        ...READING,
        rows: 'all',
        streams: 'text',
        ridge: 1e-6,
        damageSamples: 4,
        split: { rule: 'golden-ratio', share: 0.25 },
      },
    });
    expect(read({ settings: null }).settings).toBeNull();
  });

  it('reads back as what it is written as', () => {
    const upgraded = read({});
    expect(parsePlan(formatPlan(upgraded), 'new.json')).toEqual(upgraded);
  });

  it('is refused at a place that the file has', () => {
    expect(refusalOf(() => read({ settings: { ...v2.settings, split: undefined } })).message).toMatch(
      /`settings\.split` is wrong; found nothing/,
    );
    expect(refusalOf(() => read({ edits: [...v2.edits].reverse() })).message).toMatch(/`edits\[0\]` contradicts/);
  });
});

describe('a plan of version 1', () => {
  const v1 = {
    $schema: 'urn:contigua:plan:v1',
    version: 1,
    createdWith: 'contigua 0.1.0',
    model: { name: 'tiny', fingerprint: FINGERPRINT, className: 'X', family: 'qwen-image', numBlocks: BLOCKS },
    replacement: 'removed',
    intervals: [
      { first: 1, last: 3, cka: 0.75, removedError: 0.0625 },
      { first: 4, last: 5, cka: 0.875, removedError: null },
    ],
    blocks: plan.blocks,
    parameters: plan.parameters,
    blockMap: plan.blockMap,
    calibration: null,
    settings: { ...READING, ridge: 1e-6, heldOutShare: 0.25 },
  };
  const read = (change: object) => parsePlan(JSON.stringify({ ...v1, ...change }), 'old.json');

  it.each([
    ['removed', 'nothing', 0.0625],
    ['probes', 'probes', null],
    ['students', 'student', null],
  ])('had one replacement, %s, for all its runs: each edit is by %s now', (replacement, by, outputError) => {
    const { edits, settings } = read({ replacement });
    expect(edits).toEqual([
      { on: 'run', first: 1, last: 3, by, cka: 0.75, removedError: 0.0625, outputError },
      { on: 'run', first: 4, last: 5, by, cka: 0.875, removedError: null, outputError: null },
    ]);
    expect(settings).toEqual({
      ...READING,
      rows: 'all',
      ridge: 1e-6,
      damageSamples: 8,
      split: { rule: 'golden-ratio', share: 0.25 },
    });
  });

  it('had image and text, and named seams where there are stacks now', () => {
    expect(read({}).model).toMatchObject({ streams: STREAMS, stacks: [{ first: 0, last: 5 }] });
    const { model: read4 } = read({ model: { ...v1.model, seams: [4] } });
    expect(read4.stacks.map(({ first, last }) => [first, last])).toEqual([
      [0, 3],
      [4, 5],
    ]);
    expect(read4).not.toHaveProperty('seams');
  });

  it('reads back as what it is written as', () => {
    const upgraded = read({});
    expect(parsePlan(formatPlan(upgraded), 'new.json')).toEqual(upgraded);
  });

  const [one, two] = v1.intervals;
  const three = { first: 4, last: 4.5, cka: null, removedError: null };
  it.each<[string, object, RegExp]>([
    ['half a block', { intervals: [one, two, three] }, /`intervals\[2\]\.last` is wrong; found 4\.5/],
    ['disorder', { intervals: [two, one] }, /`intervals\[0\]` contradicts.*expected intervals in order of depth/],
    [
      'an unknown replacement',
      { replacement: 'magic' },
      /`replacement` is wrong; found "magic"; expected "removed" or/,
    ],
    ['a seam beyond the model', { model: { ...v1.model, seams: [4, 6] } }, /`model\.seams\[1\]` does not fit.*found 6/],
    ['a seam at block 0', { model: { ...v1.model, seams: [0] } }, /`model\.seams\[0\]` does not fit.*found 0/],
    ['seams in disorder', { model: { ...v1.model, seams: [4, 2] } }, /`model\.seams\[1\]` does not fit.*found 2/],
    [
      'more blocks than any model has',
      { model: { ...v1.model, numBlocks: 2 ** 40, seams: [7] } },
      /`model\.numBlocks` is more than any model has/,
    ],
    ['a run of the new language', { intervals: undefined, edits: plan.edits }, /`intervals` is wrong; found nothing/],
  ])('with %s is refused at a place that the file has', (_, change, message) => {
    const error = refusalOf(() => read(change));
    expect(error.code).toBe('plan-invalid');
    expect(error.message).toMatch(message);
    expect(error.message).not.toMatch(/`(edits|model\.stacks)/);
  });
});
