/** Plans and configs to and from files: what `Download plan`, `Download config`, `Copy layer_index` and `Load plan` do. */

import { ContiguaError } from '@/lib/core/errors.ts';
import { CONFIG_FILE, layerIndexString, PLAN_FILE } from '@/lib/core/export/index.ts';
import type { PlanSettings } from '@/lib/core/plan/index.ts';
import { settle, showError, showPassing } from '../browser/notices.ts';
import { copyText, saveText } from '../browser/save-file.ts';
import { commonReplacement, pageEdits } from './edits.ts';
import { modelStore } from './model.ts';
import { planFigures } from './plan-figures-store.ts';
import { choose, selectionStore } from './selection.ts';
import { settingsStore, withKnownStream } from './settings.ts';

const JSON_TYPE = 'application/json';
const MODEL_FIRST = 'A plan needs an open model: open one, then load the plan again.';

export async function downloadPlan(): Promise<void> {
  try {
    const { formatPlan, presentPlan } = await planFigures();
    const plan = presentPlan();
    if (plan) saveText(PLAN_FILE, formatPlan(plan), JSON_TYPE);
  } catch (thrown) {
    showError('plan', thrown);
  }
}

export async function downloadConfig(): Promise<void> {
  try {
    const { prunedConfig } = await planFigures();
    const { summary } = modelStore.getState();
    if (!summary) return;
    saveText(CONFIG_FILE, prunedConfig(summary, selectionStore.getState().selection.present), JSON_TYPE);
  } catch (thrown) {
    showError('plan', thrown);
  }
}

export async function copyLayerIndex(): Promise<void> {
  const text = layerIndexString(selectionStore.getState().selection.present);
  try {
    await copyText(text);
    showPassing('copy', 'done', 'layer_index copied', { hint: text });
  } catch (thrown) {
    showError('copy', thrown);
  }
}

/** Takes a plan's choice and settings. A plan for another model, or no plan at all, changes nothing. */
export async function loadPlan(file: File): Promise<void> {
  settle('plan');
  try {
    const { assertPlanFits, MAX_JSON_BYTES, parseRunPlan, readText } = await import('./file-readers.ts');
    const text = await readText(
      { path: file.name, blob: file },
      { code: 'plan-invalid', maxBytes: MAX_JSON_BYTES.plan },
    );
    const plan = parseRunPlan(text, file.name, 'This page');
    const { summary } = modelStore.getState();
    if (!summary) throw new ContiguaError('not-ready', 'No model is open', { file: file.name, hint: MODEL_FIRST });
    assertPlanFits(plan, summary, file.name);
    const edits = pageEdits(plan.edits);
    settingsStore.setState(({ detection, replaceBy }) => ({
      replaceBy: commonReplacement(edits) ?? replaceBy,
      detection: plan.settings ? withKnownStream(detectionOfPlan(plan.settings), summary.streams) : detection,
    }));
    choose({ type: 'choose', edits });
    const students = plan.edits.some(({ by }) => by === 'student')
      ? ' A plan holds no students: their blocks are just removed here.'
      : '';
    showPassing('plan', 'done', `${file.name} loaded`, {
      hint: `${edits.length} ${edits.length === 1 ? 'interval' : 'intervals'} chosen; Undo brings the former choice back.${students}`,
    });
  } catch (thrown) {
    showError('plan', thrown);
  }
}

function detectionOfPlan({ rows, estimator, start, target, streams }: PlanSettings) {
  return { rows, estimator, start, target, streams };
}
