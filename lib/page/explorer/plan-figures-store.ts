/** The functions of plan-figures.ts, once they are loaded. The plan panel shows the places of its figures until then. */
import { createStore } from 'zustand/vanilla';
import { settle, showError } from '../browser/notices.ts';

type PlanFigures = typeof import('./plan-figures.ts');

export const planFiguresStore = createStore<{ readonly figures: PlanFigures | null }>(() => ({ figures: null }));

/** Rejects where the server does not answer; the next call tries again. */
export async function planFigures(): Promise<PlanFigures> {
  const figures = await import('./plan-figures.ts');
  planFiguresStore.setState({ figures });
  return figures;
}

/** Ahead of the first need. */
export async function loadPlanFigures(): Promise<void> {
  try {
    await planFigures();
    settle('plan');
  } catch (thrown) {
    showError('plan', thrown);
  }
}
