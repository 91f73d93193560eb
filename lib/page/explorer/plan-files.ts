/** Plans and configs to and from files: what `Download plan`, `Download config`, `Copy layer_index` and `Load plan` do. */

import { editSetOf } from '@/lib/core/edit/index.ts';
import { ContiguaError } from '@/lib/core/errors.ts';
import { CONFIG_FILE, layerIndexString, PLAN_FILE } from '@/lib/core/export/index.ts';
import { editableFrom } from '@/lib/core/model/config-index.ts';
import type { PlanSettings } from '@/lib/core/plan/index.ts';
import { settle, showError, showPassing } from '../browser/notices.ts';
import { copyText, saveText } from '../browser/save-file.ts';
import { type Analysed, analysisStore } from './analysis-store.ts';
import { takeMeasured } from './choice-quality.ts';
import { commonReplacement, pageEdits } from './edits.ts';
import { modelStore } from './model.ts';
import { planFigures } from './plan-figures-store.ts';
import { choose, presentRuns } from './selection.ts';
import { settingsStore, withKnownStream } from './settings.ts';

const JSON_TYPE = 'application/json';
const MODEL_FIRST = 'A plan needs an open model: open one, then load the plan again.';

export async function downloadPlan(analysed: Analysed): Promise<void> {
  try {
    const { formatPlan, presentPlan } = await planFigures();
    const plan = presentPlan(analysed);
    if (plan) saveText(PLAN_FILE, formatPlan(plan), JSON_TYPE);
  } catch (thrown) {
    showError('plan', thrown);
  }
}

export async function downloadConfig(): Promise<void> {
  try {
    const { presentConfig } = await planFigures();
    const config = presentConfig();
    if (config !== null) saveText(CONFIG_FILE, config, JSON_TYPE);
  } catch (thrown) {
    showError('plan', thrown);
  }
}

export async function copyLayerIndex(): Promise<void> {
  const text = layerIndexString(presentRuns());
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
    const { assertPlanFits, MAX_JSON_BYTES, measurementOf, parsePlan, readText } = await import('./file-readers.ts');
    const text = await readText(
      { path: file.name, blob: file },
      { code: 'plan-invalid', maxBytes: MAX_JSON_BYTES.plan },
    );
    const plan = parsePlan(text, file.name);
    const { summary } = modelStore.getState();
    if (!summary) throw new ContiguaError('not-ready', 'No model is open', { file: file.name, hint: MODEL_FIRST });
    assertPlanFits(plan, summary, file.name);
    const edits = editSetOf(pageEdits(plan.edits), editableFrom(summary.narrower, summary), file.name);
    settingsStore.setState(({ detection, replaceBy }) => ({
      replaceBy: commonReplacement(edits) ?? replaceBy,
      detection: plan.settings ? withKnownStream(detectionOfPlan(plan.settings), summary.streams) : detection,
    }));
    choose({ type: 'choose', edits });
    const analysed = analysisStore.getState();
    const { found, words } = measurementOf(plan, edits, analysed.report, file.name);
    if (found) takeMeasured(pageEdits(edits), analysed, found);
    const students = plan.edits.some((edit) => edit.on === 'run' && edit.by === 'student')
      ? ' A plan holds no students: their blocks are just removed here.'
      : '';
    showPassing('plan', 'done', `${file.name} loaded`, {
      hint: `${edits.length} ${edits.length === 1 ? 'edit' : 'edits'} chosen; Undo brings the former choice back.${students}${words && ` ${words}`}`,
    });
  } catch (thrown) {
    showError('plan', thrown);
  }
}

function detectionOfPlan({ rows, estimator, start, target, streams }: PlanSettings) {
  return { rows, estimator, start, target, streams };
}
