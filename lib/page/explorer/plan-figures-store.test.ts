import { expect, test, vi } from 'vitest';
import { noticeStore } from '../browser/notices.ts';
import { loadPlanFigures, planFigures, planFiguresStore } from './plan-figures-store.ts';

test('a server that does not answer while costs are loaded is told, and the next need loads them', async () => {
  vi.doMock('./plan-figures.ts', () => {
    throw new Error('Failed to fetch');
  });
  await loadPlanFigures();
  expect(planFiguresStore.getState().figures).toBeNull();
  expect(noticeStore.getState().notices).toMatchObject([{ about: 'plan', tone: 'error' }]);

  vi.doUnmock('./plan-figures.ts');
  const { formatPlan } = await planFigures();
  expect(formatPlan).toBeTypeOf('function');
  expect(planFiguresStore.getState().figures?.planCost).toBeTypeOf('function');
});
