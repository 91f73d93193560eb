/**
 * What a plan costs, and its files. It needs the config readers of all families (16 kB gzipped), and only
 * once a model is open: loaded after the first paint, while the engine starts (plan-figures-store.ts).
 */
import { editedConfigText, prunedConfig } from '@/lib/core/export/index.ts';
import { buildPlan, formatPlan, type Plan, planCost, rankFitErrors } from '@/lib/core/plan/index.ts';
import type { Analysed } from './analysis-store.ts';
import { choiceQualityStore, knownOf, presentChoice } from './choice-quality.ts';
import { modelStore } from './model.ts';
import { modulationsStore } from './modulations.ts';
import { presentNarrower, presentRuns, selectionStore } from './selection.ts';
import { settingsStore } from './settings.ts';

export { formatPlan, planCost };

/** The choice on the page as a plan; null while no model is open. */
export function presentPlan(analysed: Analysed): Plan | null {
  const { summary } = modelStore.getState();
  if (!summary) return null;
  return buildPlan({
    model: summary,
    report: analysed.report,
    detection: settingsStore.getState().detection,
    createdAt: new Date().toISOString(),
    edits: selectionStore.getState().selection.present,
    fitErrors: rankErrors(summary.fingerprint),
    measured: knownOf(choiceQualityStore.getState(), presentChoice(analysed)?.of ?? null),
  });
}

/** Of the modulations that the choice shares, as far as ranks have been looked at. */
function rankErrors(model: string): ReadonlyMap<string, number> {
  const { found } = modulationsStore.getState();
  return found?.model === model ? rankFitErrors(presentNarrower(), found.errors) : new Map();
}

/** config.json of the edited model; throws `checkpoint-unsupported` where no class reads its blocks. */
export function presentConfig(): string | null {
  const { summary } = modelStore.getState();
  if (!summary) return null;
  const edits = selectionStore.getState().selection.present;
  return presentNarrower().length === 0 ? prunedConfig(summary, presentRuns()) : editedConfigText(summary, edits);
}
