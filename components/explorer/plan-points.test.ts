import { describe, expect, it } from 'vitest';
import { DEFAULT_DETECTION } from '@/lib/core/detection/index.ts';
import { ffnEdit, modulationEdit, type RunReplacement, runEdit, textStreamEdit } from '@/lib/core/edit/index.ts';
import { parameterCost } from '@/lib/core/plan/index.ts';
import { costScale, fitPrediction, predictionOf } from '@/lib/core/planner/index.ts';
import { exampleModel, reportOf } from '@/lib/core/planner/planner-fixtures.ts';
import { pageEdits } from '@/lib/page/explorer/edits.ts';
import type { MeasuredChoice } from '@/lib/page/explorer/measured-choice.ts';
import { damageOf } from '@/lib/page/explorer/report-fixtures.ts';
import { planPoints, planWords, pointScales } from './plan-points.ts';

const model = exampleModel(8);
const report = reportOf([0.3, 0.02, 0.01, 0.02, 0.01, 0.03, 0.02, 0.2]);
const edits = (first: number, last: number, by: RunReplacement = 'nothing') =>
  pageEdits([runEdit({ first, last }, by)]);
const planned = (of: MeasuredChoice['edits']) => ({ edits: of });
const measured = (of: MeasuredChoice['edits'], outputError: number | null): MeasuredChoice => ({
  of: {},
  edits: of,
  damage:
    outputError === null ? null : { outputError, bounds: { low: outputError / 2, high: 2 * outputError }, bands: [] },
  facts: { held: 0, total: 0, pictures: 0 },
});
const scales = pointScales({
  model,
  scale: costScale({ kind: 'params', dtype: null }, model, report),
  prediction: predictionOf(report, DEFAULT_DETECTION),
  fit: null,
});

describe('points of plans and measured choices', () => {
  const known = [measured([], null), measured(edits(1, 3), 0.1)];

  it('are one chart by predicted damage, where a plan that was measured is one point', () => {
    const points = planPoints(known, [edits(1, 3), edits(1, 2), []].map(planned), 'predicted', scales);
    expect(points.map(({ key, kind }) => `${key} ${kind}`)).toEqual([' teacher', '1-3 subset', '1-2 planned']);
    expect(points[1]?.value).toBeCloseTo(0.03, 12);
    expect(points[0]).toMatchObject({ value: 0, cost: model.parameters });
  });

  it('are measured ones alone by error, until enough were measured to say where the others would be', () => {
    const plans = [edits(1, 2)].map(planned);
    expect(planPoints(known, plans, 'error', scales).map(({ key }) => key)).toEqual(['', '1-3']);
    const fit = fitPrediction([1, 2, 3, 4].map((i) => ({ predicted: 0.01 * i, measured: 0.1 * i })));
    const points = planPoints(known, plans, 'error', { ...scales, fit });
    expect(points.find(({ key }) => key === '1-2')?.value).toBeCloseTo(0.1, 9);
    expect(planPoints(known, plans, 'facts', { ...scales, fit })).toEqual([]);
  });

  it('say what a plan costs, what is predicted and what was measured', () => {
    expect(planWords(model, { edits: edits(1, 3, 'probes') }, scales)).toMatch(
      /^1–3 probes: 6 blocks, [\d.]+ B parameters, predicted damage 0\.03$/,
    );
    expect(planWords(model, planned(known[1]!.edits), scales, known[1]!)).toMatch(
      /predicted damage 0\.03, output error 10 % \(5–20 %\)$/,
    );
    const quartiles = { lower: 1, upper: 2 };
    const result = {
      wholeMs: 72.2,
      prunedMs: 58.8,
      wholeQuartilesMs: quartiles,
      prunedQuartilesMs: quartiles,
      samples: 2,
      runs: 15,
    };
    const times = [{ of: {}, engine: { name: 'wasm', device: '4 threads' } as const, result }];
    expect(planWords(model, planned(known[1]!.edits), scales, known[1]!, times)).toMatch(
      /\(5–20 %\), forward 36\.1 → 29\.4 ms on WASM$/,
    );
    expect(planWords(model, planned(known[0]!.edits), scales, known[0]!)).toMatch(
      /^the whole model: 8 blocks, [\d.]+ B parameters$/,
    );
  });

  it('count narrower blocks in cost and prediction, where errors of the output add up', () => {
    const group = textStreamEdit({ first: 4, last: 6 });
    const errors = { ...report, damage: [damageOf(runEdit({ first: 1, last: 3 }, 'nothing'), 0.04)] };
    const of = pointScales({
      model,
      scale: scales.scale,
      prediction: predictionOf(errors, DEFAULT_DETECTION, { score: 'removed' }),
      fit: null,
      offers: [{ edit: group, outputError: 0.03 }],
    });
    const mixed = pageEdits([runEdit({ first: 1, last: 3 }, 'nothing'), group]);
    expect(of.costOf(mixed)).toBe(parameterCost(model, mixed).after);
    expect(of.predictedOf(mixed)?.value).toBeCloseTo(0.05, 9);
    // What nobody measured cannot be predicted.
    expect(of.predictedOf([ffnEdit(0, 'image')])).toBeNull();
    expect(planWords(model, { edits: mixed }, of)).toMatch(
      /^1–3; text 4–6: 6 blocks, [\d.]+ B parameters, predicted damage 5\.0 %$/,
    );
    // Times of narrower blocks are known to the planner alone.
    const timed = pointScales({ ...of, model, scale: costScale({ kind: 'time', dtype: null }, model, report) });
    expect([timed.costOf(mixed), timed.costOf(edits(1, 3))]).toEqual([null, expect.any(Number)]);
  });

  describe('of measured mixed choices', () => {
    const group = textStreamEdit({ first: 4, last: 6 });
    const prediction = predictionOf(
      { ...report, damage: [damageOf(runEdit({ first: 1, last: 3 }, 'nothing'), 0.04)] },
      DEFAULT_DETECTION,
      { score: 'removed' },
    );
    const bounds = { low: 0.02, high: 0.05 };
    const offers = [
      { edit: group, outputError: 0.03, bounds },
      { edit: modulationEdit({ rank: 4 }), outputError: 0.01, bounds },
    ];
    const of = pointScales({ model, scale: scales.scale, prediction, fit: null, offers });

    it('keep the bounds of what is offered, and the error of a rank for some blocks', () => {
      const point = planPoints([measured(pageEdits([group]), 0.03)], [], 'predicted', of)[0];
      expect(point?.bounds?.low).toBeCloseTo(0.02, 9);
      expect(of.predictedOf([modulationEdit({ rank: 4 }, [1, 2])])?.value).toBeCloseTo(0.01, 9);
      expect(of.predictedOf([modulationEdit({ rank: 8 }, [1, 2])])).toBeNull();
    });

    it('take from the planner what a time budget cannot tell of them', () => {
      const timed = { ...of, scale: costScale({ kind: 'time', dtype: null }, model, report), costOf: () => null };
      const edits = pageEdits([group]);
      const plan = { edits, cost: 12, damage: 0.5, bounds };
      expect(planPoints([measured(edits, 0.03)], [plan, { edits }], 'predicted', timed)).toEqual([
        { key: 't4-6', kind: 'subset', cost: 12, value: 0.5, bounds },
      ]);
    });
  });
});
