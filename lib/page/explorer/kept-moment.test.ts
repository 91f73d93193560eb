/** When a kept analysis was measured, which says which of several is the last one. */
import { beforeEach, expect, it, vi } from 'vitest';
import { reportOf } from '@/lib/core/planner/planner-fixtures.ts';
import { analysisStore } from './analysis-store.ts';
import { DEFAULT_CALIBRATION } from './calibration.ts';
import { keepMeasured } from './keeping.ts';

const { keepReport } = vi.hoisted(() => ({ keepReport: vi.fn(async () => {}) }));
vi.mock('./kept-analyses.ts', () => ({ keepReport }));

const report = reportOf([0.3, 0.02, 0.01, 0.2]);
const measuredOn = { ...DEFAULT_CALIBRATION, kind: 'synthetic' } as const;

beforeEach(() => {
  keepReport.mockClear();
});

it('stays when more is measured of it: what another tab analysed since is still the last one', async () => {
  analysisStore.setState({ report, measuredOn, isRestored: true, measuredAtMs: 5 });
  await keepMeasured(report);
  expect(keepReport).toHaveBeenCalledExactlyOnceWith(expect.any(String), report, 5);
});
