import { beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_DETECTION } from '@/lib/core/detection/index.ts';
import { modulationEdit, runEdit } from '@/lib/core/edit/index.ts';
import { buildPlan, formatPlan, type MeasuredFigures } from '@/lib/core/plan/index.ts';
import { exampleModel, reportOf } from '@/lib/core/planner/planner-fixtures.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { noticeStore } from '../browser/notices.ts';
import { analysisStore } from './analysis-store.ts';
import { choiceQualityStore, clearChoiceQuality, knownOf, presentChoice, takeMeasured } from './choice-quality.ts';
import { pageEdits } from './edits.ts';
import { modelStore } from './model.ts';
import { loadPlan } from './plan-files.ts';
import { beginSelection, selectionStore } from './selection.ts';

const model = { ...exampleModel(8), fingerprint: `sha256:${'a'.repeat(64)}` };
const plain = reportOf([0.3, 0.02, 0.01, 0.02, 0.01, 0.03, 0.02, 0.2]);
const report = { ...plain, model: { ...plain.model, fingerprint: model.fingerprint } };
const edits = [modulationEdit({ rank: 8 }), runEdit({ first: 1, last: 3 }, 'nothing')];
const MEASURED: MeasuredFigures = {
  damage: { outputError: 0.125, bounds: { low: 0.1, high: 0.2 } },
  facts: { held: 300, total: 328, pictures: 32 },
};

/** As the terminal writes it. */
function planFile(measured: MeasuredFigures | null = MEASURED, of: AnalysisReport = report): File {
  const plan = buildPlan({ model, report: of, edits, detection: DEFAULT_DETECTION, measured });
  return new File([formatPlan(plan)], 'plan.json');
}

const known = () => knownOf(choiceQualityStore.getState(), presentChoice(analysisStore.getState())?.of ?? null);
const said = () => JSON.stringify(noticeStore.getState());

beforeEach(() => {
  noticeStore.setState({ notices: [] });
  clearChoiceQuality();
  modelStore.setState({ summary: model });
  analysisStore.setState({ report, measuredOn: null });
  beginSelection(model, []);
});

describe('Load plan', () => {
  it('makes what the terminal measured of the plan a point of the chart', async () => {
    await loadPlan(planFile());
    expect(selectionStore.getState().selection.present).toEqual(edits);
    expect(known()?.damage).toEqual({ outputError: 0.125, bounds: { low: 0.1, high: 0.2 }, bands: [] });
    expect(known()?.facts).toEqual({ held: 300, total: 328, pictures: 32 });
    expect(said()).toContain('Its measured output error, 13 %, is a point of Plans.');
  });

  it('keeps what this page has measured of the same choice', async () => {
    const damage = { outputError: 0.5, bounds: null, bands: [] };
    takeMeasured(pageEdits(edits), { report, measuredOn: null }, { damage, facts: { held: 1, total: 9, pictures: 4 } });
    await loadPlan(planFile());
    expect(known()?.damage).toEqual(damage);
    expect(known()?.facts.pictures).toBe(32);
    expect(choiceQualityStore.getState().choices).toHaveLength(1);
  });

  it('takes the choice alone of a plan that was measured on other inputs, and says what differs', async () => {
    const other = { ...report, calibration: { ...report.calibration, samples: 99 } };
    await loadPlan(planFile(MEASURED, other));
    expect(selectionStore.getState().selection.present).toEqual(edits);
    expect(known()).toBeNull();
    expect(said()).toMatch(/measured on other inputs than the report, and is no point of Plans: found .*99 samples/);
  });

  it('takes the choice alone before an analysis, and where nothing was measured', async () => {
    await loadPlan(planFile(null));
    expect(known()).toBeNull();
    expect(said()).not.toContain('measured');
    analysisStore.setState({ report: null });
    await loadPlan(planFile());
    expect(choiceQualityStore.getState().choices).toEqual([]);
    expect(said()).toContain('can be loaded once the model has been analysed');
  });
});
