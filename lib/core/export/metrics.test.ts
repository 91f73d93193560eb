import { expect, it } from 'vitest';
import { ffnEdit, modulationEdit } from '../edit/index.ts';
import type { RunPlan } from '../plan/index.ts';
import { type ExportedRun, exportMetrics } from './metrics.ts';

const subset = (plugged: readonly string[], fineTuned: boolean, outputError: number) => ({
  ...{ plugged, fineTuned, outputError },
  pictures: [],
});
const run = {
  ...{ id: '7', name: 'a run', createdAt: '2026-01-01', settings: {}, jobs: [] },
  subsets: [
    subset(['1-2'], false, 0.1),
    subset(['1-2', 'f4-image', 'modulations'], false, 0.2),
    subset(['1-2', 'f4-image', 'modulations'], true, 0.05),
  ],
} as unknown as ExportedRun;
const plan = { edits: [] } as unknown as RunPlan;
const plugged = [{ first: 1, last: 2 }];
const narrow = [modulationEdit({ rank: 8 }, [0, 1]), modulationEdit({ rank: 4 }, [2, 3]), ffnEdit(4, 'image')];

it.each([
  ['students alone', [], false, 0.1],
  ['students and narrower blocks', narrow, false, 0.2],
  ['all of them, fine-tuned', narrow, true, 0.05],
  ['a choice that was not measured', narrow.slice(2), false, undefined],
] as const)('the measurement is that of this very choice: %s', (_, edits, fineTuned, error) => {
  const { measured } = exportMetrics(run, plan, { plugged, narrow: edits, fineTuned });
  expect(measured?.outputError).toBe(error);
  expect(measured ?? {}).not.toHaveProperty('pictures');
});
