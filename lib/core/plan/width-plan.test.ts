import { describe, expect, it } from 'vitest';
import { DEFAULT_DETECTION } from '../detection/index.ts';
import { type Edit, ffnEdit, modulationEdit, runEdits, textStreamEdit } from '../edit/index.ts';
import { parseLayerIndex } from '../interval/index.ts';
import { architectureOf, countParameters, editedModel, parseModelConfig } from '../model/config-index.ts';
import { assertPlanFits, buildPlan, formatPlan, type Plan, parsePlan, parseRunPlan, planCost } from './index.ts';

const config = parseModelConfig('{"_class_name":"QwenImageTransformer2DModel"}', 'config.json');
const { streams, stacks, blocks } = architectureOf(config);
const model = {
  name: 'Qwen-Image',
  fingerprint: `sha256:${'0'.repeat(64)}`,
  className: config.className,
  family: config.family,
  numBlocks: config.numBlocks,
  width: config.width,
  streams,
  stacks,
  blocks,
  globalParameters: countParameters(config).globals,
  config: config.raw,
};
/** Published with PPCL. */
const EDITS: readonly Edit[] = [
  ...runEdits(
    parseLayerIndex(
      '[[3,4],[5,7],[8,10],[11,12],[15,24],[25,27],[29,30],[42,43],[45,47],[48,49],[52,53],[54,55],[56,57]]',
      { numBlocks: 60 },
      'published',
    ),
    'student',
  ),
  ...[
    { first: 36, last: 37 },
    { first: 40, last: 41 },
    { first: 50, last: 59 },
  ].map(textStreamEdit),
  ...['image', 'text'].map((stream) => ffnEdit(2, stream)),
  ...[58, 59].map((block) => ffnEdit(block, 'image')),
];
const planOf = (edits: readonly Edit[]): Plan =>
  buildPlan({ model, report: null, edits, detection: DEFAULT_DETECTION });
const changed = (plan: Plan, change: (plan: Record<string, unknown>) => void): string => {
  const copy = JSON.parse(formatPlan(plan));
  change(copy);
  return JSON.stringify(copy);
};

describe('a plan with edits of every kind', () => {
  it('has the published sizes of Qwen-Image, and is read back as it was written', () => {
    const plan = planOf(EDITS);
    expect(plan.blocks).toEqual({ before: 60, after: 35 });
    expect(plan.parameters).toEqual({ before: 20_430_401_088, after: 10_603_653_184 });
    expect(parsePlan(formatPlan(plan), 'plan.json')).toEqual(plan);
  });

  it('says what becomes of each block: those of a group but its first are narrowed, students stay replaced', () => {
    const fates = new Map(planOf(EDITS).blockMap.map(({ old, fate }) => [old, fate]));
    expect([2, 36, 37, 50, 51, 52, 53, 58, 59, 0].map((block) => fates.get(block))).toEqual([
      'narrowed',
      'kept',
      'narrowed',
      'kept',
      'narrowed',
      'replaced',
      'removed',
      'narrowed',
      'narrowed',
      'kept',
    ]);
  });

  it('counts modulations by rank or table', () => {
    for (const by of [{ rank: 8 }, { table: [1, 0.5] }]) {
      const edits = [modulationEdit(by), ...EDITS.filter(({ on }) => on === 'run')];
      const plan = planOf(edits);
      expect(plan.parameters.after).toBe(editedModel(config, edits).parameters);
      expect(plan.parameters.after).toBeLessThan(8e9);
      expect(parsePlan(formatPlan(plan), 'plan.json')).toEqual(plan);
    }
  });

  it('costs what its blocks cost', () => {
    const tokensPerForward = { image: 4096, text: 512 };
    const cost = planCost({ ...model, sizeBytes: 2 * 20_430_401_088, tokensPerForward }, EDITS, {
      steps: 1,
      forwardsPerStep: 1,
    });
    expect(cost.blocks.after).toBe(35);
    expect(cost.parameters.after).toBe(10_603_653_184);
    expect(cost.sizeBytes.after).toBe(2 * 10_603_653_184);
    expect(cost.flopsPerForward.after).toBe(editedModel(config, EDITS).flops(tokensPerForward));
  });

  it('is refused by name where runs alone are understood', () => {
    expect(() => parseRunPlan(formatPlan(planOf(EDITS)), 'plan.json')).toThrow(
      /runs of blocks alone.*found 2 image ffn/,
    );
    const runs = planOf(EDITS.filter(({ on }) => on === 'run'));
    expect(parseRunPlan(formatPlan(runs), 'plan.json')).toEqual(runs);
  });

  it('is refused where the model does not allow an edit, or edits clash', () => {
    expect(() => planOf([ffnEdit(3, 'audio')])).toThrow(/no stream audio/);
    expect(() => planOf([modulationEdit({ rank: 4096 })])).toThrow(/1 to 3072/);
    expect(() => planOf([...EDITS, ffnEdit(53, 'image')])).toThrow(/takes the block away/);
  });

  it.each<[string, (plan: Record<string, unknown>) => void, RegExp]>([
    ['an unknown kind', (plan) => Object.assign((plan.edits as object[])[0]!, { on: 'norm' }), /edits\[0\]/],
    ['edits out of order', (plan) => (plan.edits as object[]).reverse(), /edits\[0\].*in order of depth/],
    [
      'a rank of nothing',
      (plan) => Object.assign(plan, { edits: [{ ...modulationEdit({ rank: 0 }), fitError: null, outputError: null }] }),
      /edits\[0\]/,
    ],
    [
      'a map of other edits',
      (plan) => Object.assign(plan, { edits: (plan.edits as object[]).slice(1) }),
      /blockMap\[2\]/,
    ],
  ])('with %s is refused, naming the place', (_, change, place) => {
    expect(() =>
      parsePlan(changed(planOf([ffnEdit(2, 'image'), textStreamEdit({ first: 4, last: 6 })]), change), 'plan.json'),
    ).toThrow(place);
  });

  it('of another model is refused without an offer to choose its edits by hand', () => {
    expect(() => assertPlanFits(planOf(EDITS), { ...model, fingerprint: 'sha256:1' }, 'plan.json')).toThrow(
      /Open Qwen-Image to use it/,
    );
  });
});
