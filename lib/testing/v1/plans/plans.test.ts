/** Plans that version 1 wrote, from terminal, page and runs, open and mean the same. */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { prunedConfig } from '../../../core/export/index.ts';
import { parseLayerIndex } from '../../../core/interval/index.ts';
import { assertPlanFits, parseRunPlan } from '../../../core/plan/index.ts';
import { jsonOf, textOf } from '../read-fixture.ts';
import { planFacts } from './reading.ts';

type Facts = ReturnType<typeof planFacts>;
const facts = jsonOf<Record<string, Facts>>('plans/facts.json');
const SAMPLE = 'sha256:8f93af2a728eb8cf41415a8805ae743b14c6ad6459473042e43d2988f7ad6a5c';
const SAMPLE_CONFIG = '../../../public/models/shapes-mmdit/transformer/config.json';

describe('a plan of version 1', () => {
  it('is in the list of facts, whoever wrote it', () => {
    const files = readdirSync(new URL('./', import.meta.url)).filter(
      (name) => name.endsWith('.json') && !name.endsWith('.config.json') && name !== 'facts.json',
    );
    expect(files.sort()).toEqual(Object.keys(facts));
  });

  it.each(Object.keys(facts))('opens and means the same: %s', (name) => {
    expect(planFacts(textOf(`plans/${name}`), name)).toEqual(facts[name]);
  });

  it.each([
    ['detected.json', 'removed', '[[9,10],[11,12],[13,14]]', 13],
    ['detected-probes.json', 'probes', '[[9,10],[11,12],[13,14]]', 13],
    ['least-damage.json', 'removed', '[[7,8],[9,11],[12,13],[14,15]]', 11],
    ['own-with-report.json', 'removed', '[[0,2],[9,15]]', 8],
    ['own-without-report.json', 'removed', '[[3,4],[5,7]]', 13],
    ['own-probes-without-report.json', 'probes', '[[14,15]]', 15],
    ['none-with-report.json', 'removed', '[]', 16],
    ['none-without-report.json', 'removed', '[]', 16],
  ])('is a choice of the sample’s blocks: %s', (name, replacement, layerIndex, blocks) => {
    const plan = planFacts(textOf(`plans/${name}`), name);
    expect(plan.model).toEqual({
      name: 'shapes-mmdit',
      fingerprint: SAMPLE,
      className: 'QwenImageTransformer2DModel',
      family: 'qwen-image',
      numBlocks: 16,
    });
    expect([plan.replacement, plan.layerIndex, plan.blocks]).toEqual([
      replacement,
      layerIndex,
      { before: 16, after: blocks },
    ]);
    // A block has 334,784 parameters; a probe of either stream 96² + 96.
    const probes = replacement === 'probes' ? 2 * (16 - blocks) * (96 ** 2 + 96) : 0;
    expect(plan.parameters).toEqual({ before: 5_424_816, after: 5_424_816 - (16 - blocks) * 334_784 + probes });
    expect(plan.calibration === null).toBe(name.includes('without-report'));
    expect(plan.settings === null).toBe(name.includes('without-report'));
  });

  it('keeps what was measured for an interval, and that nothing was', () => {
    expect(facts['own-with-report.json']?.intervals).toEqual([
      { first: 0, last: 2, cka: 0.6138216611563712, removedError: null },
      { first: 9, last: 15, cka: 0.9006364223846958, removedError: null },
    ]);
    for (const { cka, removedError } of facts['own-without-report.json']?.intervals ?? []) {
      expect([cka, removedError]).toEqual([null, null]);
    }
    for (const { removedError } of facts['detected.json']?.intervals ?? []) expect(removedError).toBeGreaterThan(0);
  });

  it('goes with the config that was written beside it', () => {
    const config = JSON.parse(textOf(SAMPLE_CONFIG));
    for (const name of ['detected', 'own-without-report']) {
      const layerIndex = facts[`${name}.json`]?.layerIndex ?? '';
      const intervals = parseLayerIndex(layerIndex, { numBlocks: 16 }, name);
      expect(prunedConfig({ numBlocks: 16, config }, intervals)).toBe(textOf(`plans/${name}.config.json`));
      expect(JSON.parse(textOf(`plans/${name}.config.json`))).toEqual({ ...config, num_layers: 13 });
    }
  });

  it('is refused for another model, and only for another', () => {
    const plan = parseRunPlan(textOf('plans/detected.json'), 'detected.json');
    assertPlanFits(plan, { name: 'copy', fingerprint: SAMPLE, numBlocks: 16 }, 'detected.json');
    const other = { name: 'other', fingerprint: `sha256:${'0'.repeat(64)}`, numBlocks: 16 };
    expect(() => assertPlanFits(plan, other, 'detected.json')).toThrow(/The plan is for another model/);
  });
});
