import { beforeEach, expect, test } from 'vitest';
import { ffnEdit, modulationEdit, selectionOf } from '@/lib/core/edit/index.ts';
import { exampleModel } from '@/lib/core/planner/planner-fixtures.ts';
import { analysisStore } from './analysis-store.ts';
import { modelStore } from './model.ts';
import { modulationsStore } from './modulations.ts';
import { presentPlan } from './plan-figures.ts';
import { selectionStore } from './selection.ts';

const model = exampleModel(4);
const errors = [1, 0.5, 0.25, 0.125];

function planAt(rank: number) {
  const edits = [modulationEdit({ rank }), ffnEdit(1, 'image')];
  selectionStore.setState({ selection: selectionOf(edits) });
  return presentPlan(analysisStore.getState())?.edits.find(({ on }) => on === 'modulation');
}

beforeEach(() => {
  analysisStore.setState({ report: null });
  modelStore.setState({ summary: model });
  modulationsStore.setState({ found: { model: model.fingerprint, errors, about: '' }, measured: null, running: null });
});

test('a plan says what its rank leaves of the modulations', () => {
  expect(planAt(2)).toMatchObject({ by: { rank: 2 }, fitError: 0.25 });
});

test('a rank above those whose errors were found leaves as much as the last of them', () => {
  expect(planAt(3)).toMatchObject({ fitError: 0.125 });
  expect(planAt(100)).toMatchObject({ by: { rank: 100 }, fitError: 0.125 });
});

test('a plan says nothing of a rank whose errors were found for another model, or not at all', () => {
  modulationsStore.setState({ found: { model: 'sha256:11', errors, about: '' } });
  expect(planAt(2)).toMatchObject({ fitError: null });
  modulationsStore.setState({ found: null });
  expect(planAt(2)).toMatchObject({ fitError: null });
});
