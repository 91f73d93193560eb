/**
 * `contigua plan --budget --measured`: plans that were measured before are points beside those of the planner, and a correction of its
 * predictions is fitted to them, the same as on the page.
 */
import { LEAST_PAIRS } from '../lib/core/detection/index.ts';
import { type EditSet, editKey, editSetOf } from '../lib/core/edit/index.ts';
import { ContiguaError } from '../lib/core/errors.ts';
import type { ModelSummary } from '../lib/core/folder/model-summary.ts';
import { MAX_JSON_BYTES } from '../lib/core/json-text.ts';
import { editableModel, parseModelConfig } from '../lib/core/model/config-index.ts';
import { assertPlanFits, type Plan, parsePlan } from '../lib/core/plan/index.ts';
import {
  type ChoiceScales,
  choiceKey,
  fitMeasured,
  type MeasuredPlan,
  measuredPlanOf,
  type PredictedChoice,
  type PredictionFit,
} from '../lib/core/planner/index.ts';
import type { AnalysisReport } from '../lib/core/report/index.ts';
import { type Options, usage } from './arguments.ts';
import { damageWords } from './damage-words.ts';
import { percentText } from './percent-text.ts';
import { readText } from './read-text.ts';

export const MEASURED_OPTION = { measured: { type: 'string' } } as const;

export interface PlanFile {
  readonly file: string;
  readonly plan: Plan;
}

/** The files of `--measured`; none without it. */
export async function readMeasuredPlans(args: Options): Promise<readonly PlanFile[]> {
  const list = args.text('measured');
  if (list === undefined) return [];
  const files = list.split(',').map((file) => file.trim());
  if (files.includes(''))
    throw usage('plan', '--measured does not fit', list || 'nothing', 'plan files with commas between them');
  const read: PlanFile[] = [];
  for (const file of files) read.push({ file, plan: parsePlan(await readText(file, MAX_JSON_BYTES.plan), file) });
  return read;
}

export interface KnownPlan extends MeasuredPlan {
  readonly file: string;
  readonly predicted: PredictedChoice;
  /** In the unit of the budget; null where narrower blocks cannot be told in it. */
  readonly cost: number | null;
}

/** What measured plans teach. */
export interface Learnt {
  /** One for each choice of edits. */
  readonly plans: readonly KnownPlan[];
  readonly fit: PredictionFit;
  /** Files that measure a choice which an earlier one has. */
  readonly again: readonly string[];
}

/**
 * Null for no files. Throws `plan-mismatch` for a plan of another model or of other inputs, and `plan-invalid` for one without a
 * measurement, or with an edit of which nothing is predicted.
 */
export function learnFrom(
  files: readonly PlanFile[],
  model: ModelSummary,
  report: AnalysisReport,
  scales: ChoiceScales,
): Learnt | null {
  if (files.length === 0) return null;
  const editable = editableModel(parseModelConfig(JSON.stringify(model.config), 'config.json'));
  const plans = new Map<string, KnownPlan>();
  const again: string[] = [];
  for (const { file, plan } of files) {
    assertPlanFits(plan, model, file);
    const measured = measuredPlanOf(plan, report, file);
    editSetOf(plan.edits, editable, file);
    const key = choiceKey(measured.edits);
    const predicted = scales.predictedOf(measured.edits);
    if (predicted === null) throw unpredicted(scales.unpredicted(measured.edits), file);
    if (plans.has(key)) again.push(file);
    else plans.set(key, { ...measured, file, predicted, cost: scales.costOf(measured.edits) });
  }
  const known = [...plans.values()];
  return { plans: known, fit: fitMeasured(scales, known), again };
}

function unpredicted(edit: EditSet[number] | null, file: string): ContiguaError {
  return new ContiguaError('plan-invalid', 'Nothing is predicted of an edit of the measured plan', {
    file,
    found: edit ? editKey(edit) : 'edits',
    expected: 'edits that the report measured alone, in the unit that plans are predicted in',
    hint: 'Allow its kind with --allow, measure it with `contigua analyse --ablation` or `--width`, or leave the plan out of --measured.',
  });
}

/** For people. `damage`: what is predicted of the plan that is chosen; null where none is. */
export function learntLines(learnt: Learnt, damage: number | null, isShare: boolean): string[] {
  const { plans, fit, again } = learnt;
  const lines = plans.map(({ file, predicted, outputError, bounds }) => {
    const range = bounds ? ` (95 %: ${(100 * bounds.low).toFixed(1)} to ${(100 * bounds.high).toFixed(1)} %)` : '';
    return `${file}: predicted ${damageWords(predicted.value, isShare)}, measured output error ${percentText(outputError)}${range}`;
  });
  for (const file of again) lines.push(`${file}: measures the same edits as another file, and takes no part`);
  return [...lines, correctionLine(learnt, damage), ...(fit.correct ? limitLines(learnt, damage) : [])];
}

function correctionLine({ plans, fit }: Learnt, damage: number | null): string {
  const { correct, correlation, factor } = fit;
  const number = `${plans.length} measured ${plans.length === 1 ? 'plan' : 'plans'}`;
  if (plans.length < LEAST_PAIRS) return `corrected: n/a, from ${number}; at least ${LEAST_PAIRS} are needed`;
  const usable = plans.filter(({ predicted, outputError }) => predicted.value > 0 && outputError > 0).length;
  if (usable < LEAST_PAIRS)
    return `corrected: n/a, as ${usable} of ${number} have a prediction and an error above zero; at least ${LEAST_PAIRS} are needed`;
  if (!correct) return `corrected: n/a, as the errors of ${number} do not rise with what is predicted of them`;
  const within = factor === null ? '' : `, two thirds of them within a factor of ${factor.toFixed(2)}`;
  const order = correlation ? `; rank correlation with what is predicted ${correlationWords(correlation)}` : '';
  const about = damage === null ? 'a curve' : `about ${percentText(correct(damage))} output error`;
  return `corrected: ${about}, from ${number}${within}${order}`;
}

function correlationWords({ rho, bounds }: NonNullable<PredictionFit['correlation']>): string {
  return bounds ? `${rho.toFixed(2)} (${bounds.low.toFixed(2)} to ${bounds.high.toFixed(2)})` : rho.toFixed(2);
}

/** What the correction does not tell. */
function limitLines({ plans }: Learnt, damage: number | null): string[] {
  const known = plans.map(({ predicted }) => predicted.value);
  const isBeyond = damage !== null && (damage < Math.min(...known) || damage > Math.max(...known));
  return [
    ...(isBeyond ? ['The plan is predicted outside of what was measured: its correction is extrapolated.'] : []),
    'The correction is one curve for all plans: it changes neither their order nor which one is best.',
  ];
}
