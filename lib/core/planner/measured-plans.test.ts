import { describe, expect, it } from 'vitest';
import { DEFAULT_DETECTION } from '../detection/index.ts';
import { ffnEdit, modulationEdit, runEdit } from '../edit/index.ts';
import { buildPlan, formatPlan, parsePlan } from '../plan/index.ts';
import type { AnalysisReport } from '../report/index.ts';
import { choiceScales } from './choice-scales.ts';
import { costScale } from './edit-costs.ts';
import { fitMeasured, measuredPlanOf } from './measured-plans.ts';
import { exampleModel, reportOf } from './planner-fixtures.ts';
import { predictionOf } from './prediction.ts';

const model = { ...exampleModel(8), fingerprint: `sha256:${'a'.repeat(64)}` };
const plain = reportOf([0.3, 0.02, 0.01, 0.02, 0.01, 0.03, 0.02, 0.2]);
const report = { ...plain, model: { ...plain.model, fingerprint: model.fingerprint } };
const run = (first: number, last: number) => runEdit({ first, last }, 'nothing');
const figures = (outputError: number | null, on: string | null = null) => ({
  damage: { outputError, bounds: { low: 0.1, high: 0.3 } },
  facts: null,
  on,
});
const planOf = (measured: ReturnType<typeof figures> | null, of: AnalysisReport | null = report, edit = run(1, 3)) => {
  const built = buildPlan({ model, report: of, edits: [edit], detection: DEFAULT_DETECTION, measured });
  return parsePlan(formatPlan(built), 'plan.json');
};
const withReport = (change: Partial<AnalysisReport>): AnalysisReport => ({ ...report, ...change });
const { calibration, settings, split } = report;

describe('a measured plan', () => {
  it('is read with its edits, error and bounds', () => {
    const { edits, outputError, bounds } = measuredPlanOf(planOf(figures(0.2)), report, 'plan.json');
    expect(edits).toMatchObject([run(1, 3)]);
    expect([outputError, bounds]).toEqual([0.2, { low: 0.1, high: 0.3 }]);
  });

  it.each([
    [
      'measured nothing',
      planOf(null),
      /plan\.json: The plan holds no measured output error; found a plan that was not/,
    ],
    ['overflowed', planOf(figures(null)), /holds no measured output error/],
    [
      'was measured on other inputs',
      planOf(figures(0.2, 'b.safetensors')),
      /found b\.safetensors; expected .*Measure it/,
    ],
    ['was measured without a report', planOf(figures(0.2), null), /found a plan without a report/],
  ])('that %s is refused', (_, plan, message) => {
    expect(() => measuredPlanOf(plan, report, 'plan.json')).toThrow(message);
  });

  it.each<[string, Partial<AnalysisReport>, RegExp]>([
    [
      'seed',
      { calibration: { ...calibration, seed: 77 } },
      /on other inputs than the report; found .*; expected .*seed 77/,
    ],
    ['number of samples', { calibration: { ...calibration, samples: 99 } }, /expected .*99 samples/],
    ['timesteps', { calibration: { ...calibration, timesteps: [0.25] } }, /expected .*timesteps 0\.25/],
    [
      'file',
      { calibration: { ...calibration, kind: 'file', file: { name: 'b', digits: '0123456789abcdef' } } },
      /expected .*content 0123456789abcdef/,
    ],
    [
      'rule of splitting, as of an earlier version',
      { split: { rule: 'golden-ratio', share: 0.2 } },
      /on other samples than the report; found samples split by prompt-groups.*; expected samples split by golden-ratio, 20/,
    ],
    ['held-out samples', { settings: { ...settings, damageSamples: 3 } }, /expected 3 held-out samples/],
    [
      'tokens',
      { settings: { ...settings, tokens: 512 } },
      /found maps fitted on all .*; expected .*at most 512 tokens/,
    ],
  ])('is refused by a report of another %s', (_, change, message) => {
    expect(split.rule).toBe('prompt-groups');
    expect(() => measuredPlanOf(planOf(figures(0.2)), withReport(change), 'plan.json')).toThrow(message);
  });
});

describe('fitMeasured', () => {
  const scale = costScale({ kind: 'params', dtype: null }, model, report);
  const scales = choiceScales({ model, scale, prediction: predictionOf(report, DEFAULT_DETECTION) });

  it('fits what choices measured to what is predicted of them, without the whole model and what nothing predicts', () => {
    const choices = [run(1, 2), run(1, 3), run(1, 4), run(3, 6)].map((edit) => {
      const predicted = scales.predictedOf([edit])?.value ?? Number.NaN;
      return { edits: [edit], outputError: 3 * predicted ** 0.5 };
    });
    const beside = [
      { edits: [], outputError: 0 },
      { edits: [run(4, 6)], outputError: null },
      { edits: [ffnEdit(0, 'image')], outputError: 0.7 },
    ];
    const { correct, correlation, factor } = fitMeasured(scales, [...choices, ...beside]);
    expect(correlation?.n).toBe(4);
    expect(correct?.(0.04)).toBeCloseTo(0.6, 9);
    expect(factor).toBeCloseTo(1, 9);
  });

  it('names the edit that nothing is predicted of', () => {
    expect(scales.unpredicted([run(1, 3)])).toBeNull();
    const shared = modulationEdit({ rank: 8 });
    expect(scales.unpredicted([run(1, 3), shared])).toBe(shared);
  });
});
