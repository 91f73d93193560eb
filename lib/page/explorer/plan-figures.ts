/**
 * What a plan costs, and its files. It needs the config readers of all families (16 kB gzipped), and only
 * once a model is open: loaded after the first paint, while the engine starts (plan-figures-store.ts).
 */
import { prunedConfig } from '@/lib/core/export/index.ts';
import { buildPlan, formatPlan, planCost, type RunPlan } from '@/lib/core/plan/index.ts';
import { analysisStore } from './analysis.ts';
import { choiceQualityStore, knownOf, presentChoice } from './choice-quality.ts';
import { modelStore } from './model.ts';
import { selectionStore } from './selection.ts';
import { settingsStore } from './settings.ts';

export { formatPlan, planCost, prunedConfig };

/** The choice on the page as a plan; null while no model is open. */
export function presentPlan(): RunPlan | null {
  const { summary } = modelStore.getState();
  if (!summary) return null;
  return buildPlan({
    model: summary,
    report: analysisStore.getState().report,
    edits: selectionStore.getState().selection.present,
    detection: settingsStore.getState().detection,
    measured: knownOf(choiceQualityStore.getState(), presentChoice()?.of ?? null),
    createdAt: new Date().toISOString(),
  });
}
