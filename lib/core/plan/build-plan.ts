/**
 * From a choice to its plan. Deterministic: the same model, report, choice and settings give the same bytes, unless the
 * caller names a time.
 */
import { type DetectionSettings, foundIn, similarityOf, summedErrors } from '../detection/index.ts';
import { type RunEdit, type RunSet, runEdit, runSetOf } from '../edit/index.ts';
import { ContiguaError } from '../errors.ts';
import {
  type BlockInterval,
  containsInterval,
  formatIntervalKey,
  intervalSetOf,
  removedCount,
  sumOverRemoved,
} from '../interval/index.ts';
import type { DeclaredStack, StreamSpec } from '../model/config-index.ts';
import { type AnalysisReport, type Bounds, damageOf, outputErrorOf } from '../report/index.ts';
import { wilsonInterval } from '../wilson-interval.ts';
import { blockMapOf } from './block-map.ts';
import { type CostedBlock, parameterCost } from './cost.ts';
import { type ChoiceFigures, PLAN_SCHEMA_ID, PLAN_VERSION, type Plan, type PlannedEdit } from './plan.ts';
import { PRODUCT_VERSION } from './product-version.ts';

/** What a plan says about its model; a ModelSummary has it all. */
export interface PlannedModel {
  readonly name: string;
  readonly fingerprint: string;
  readonly className: string;
  readonly family: string;
  readonly numBlocks: number;
  readonly streams: readonly StreamSpec[];
  readonly stacks: readonly DeclaredStack[];
  readonly width: number;
  /** One per block. */
  readonly blocks: readonly CostedBlock[];
  readonly globalParameters: number;
}

export interface PlanChoice {
  readonly model: PlannedModel;
  /** Of this very model, or null where nothing was analysed. */
  readonly report: AnalysisReport | null;
  readonly edits: readonly RunEdit[];
  readonly detection: DetectionSettings;
  /** What was measured of these very edits together; nothing unless given. */
  readonly measured?: MeasuredFigures | null;
  readonly createdAt?: string;
}

export interface MeasuredFigures {
  readonly damage: { readonly outputError: number | null; readonly bounds: Bounds | null } | null;
  readonly facts: { readonly held: number; readonly total: number; readonly pictures: number } | null;
  /** What the error was measured on, where that is not what the report was. */
  readonly on?: string | null;
}

/** Throws `plan-mismatch` unless the report is of this very model; `file` is where it was read from, if anywhere. */
export function assertReportFits(
  report: Pick<AnalysisReport, 'model'>,
  model: Pick<PlannedModel, 'name' | 'fingerprint'>,
  file?: string,
): void {
  if (report.model.fingerprint === model.fingerprint) return;
  throw new ContiguaError('plan-mismatch', 'The report is of another model', {
    file,
    found: `${report.model.name} with fingerprint ${report.model.fingerprint ?? 'unknown'}`,
    expected: `${model.name} with fingerprint ${model.fingerprint}`,
    hint: 'Analyse this model and plan with its own report.',
  });
}

export function buildPlan({ model, report, edits, detection, measured, createdAt }: PlanChoice): Plan {
  if (report !== null) assertReportFits(report, model);
  const set = runSetOf(edits, model, 'the chosen intervals');
  const { name, fingerprint, className, family, numBlocks, streams, stacks } = model;
  const choice = choiceFigures(report, set, measured ?? null);
  return {
    $schema: PLAN_SCHEMA_ID,
    version: PLAN_VERSION,
    createdWith: `contigua ${PRODUCT_VERSION}`,
    ...(createdAt === undefined ? {} : { createdAt }),
    model: {
      name,
      fingerprint,
      className,
      family,
      numBlocks,
      streams: streams.map(({ id, label }) => ({ id, label })),
      stacks: stacks.map(({ id, label, first, last }) => ({ id, label, first, last })),
    },
    edits: set.map((edit) => {
      const share = report && foundIn(report, detection, edit);
      const bounds = report && damageOf(report, edit)?.bounds;
      return {
        ...runEdit(edit, edit.by),
        cka: report && similarityOf(report, detection, edit),
        removedError: (report && outputErrorOf(report, runEdit(edit, 'nothing'))) ?? null,
        outputError: (report && outputErrorOf(report, edit)) ?? null,
        ...(bounds ? { outputErrorBounds: bounds } : {}),
        ...(share === null ? {} : { foundIn: share }),
      };
    }),
    ...(choice && { choice }),
    blocks: { before: numBlocks, after: numBlocks - removedCount(set) },
    parameters: parameterCost(model, set),
    blockMap: blockMapOf(numBlocks, set),
    calibration: report?.calibration ?? null,
    settings: report && { ...detection, ...report.settings, split: report.split },
  };
}

/** Null where nothing is known: no edits, or neither an estimate nor a measurement. */
function choiceFigures(
  report: AnalysisReport | null,
  edits: RunSet,
  measured: MeasuredFigures | null,
): ChoiceFigures | null {
  if (edits.length === 0) return null;
  const { damage = null, facts = null, on = null } = measured ?? {};
  const estimatedError = report && summedErrors(report, edits);
  const drawn = facts !== null && facts.total > 0;
  if (estimatedError === null && damage === null && !drawn) return null;
  return {
    estimatedError,
    outputError: damage?.outputError ?? null,
    outputErrorBounds: damage?.bounds ?? null,
    facts: drawn
      ? {
          held: facts.held,
          total: facts.total,
          pictures: facts.pictures,
          bounds: wilsonInterval(facts.held, facts.total),
        }
      : null,
    ...(damage && on !== null ? { measuredOn: on } : {}),
  };
}

/** The plan with a student in the place of every run: what a run that trains them does to the model. */
export function trainedPlan(plan: Plan, savedParameters: readonly number[]): Plan {
  const { createdWith, createdAt } = plan;
  return {
    ...pluggedPlan(plan, plan.edits, savedParameters),
    createdWith,
    ...(createdAt === undefined ? {} : { createdAt }),
  };
}

/**
 * What a run's plan becomes when some of its students are plugged in: their intervals alone, as the teacher's blocks are
 * back in all others. `savedParameters` are what the model loses with each block. Throws `plan-invalid` for an interval that the plan has not.
 */
export function pluggedPlan(plan: Plan, plugged: readonly BlockInterval[], savedParameters: readonly number[]): Plan {
  for (const interval of plugged) {
    if (containsInterval(plan.edits, interval)) continue;
    throw new ContiguaError('plan-invalid', 'The plan has no such interval', {
      found: formatIntervalKey(interval),
      expected: plan.edits.map(formatIntervalKey).join(', ') || 'none',
    });
  }
  const { numBlocks } = plan.model;
  const set = intervalSetOf(plugged, plan.model, 'the plugged students');
  // What was measured of the edits together is not what the plugged students do.
  const { createdAt: _, choice: __, ...rest } = plan;
  return {
    ...rest,
    createdWith: `contigua ${PRODUCT_VERSION}`,
    edits: plan.edits
      .filter((edit) => containsInterval(set, edit))
      .map((edit) => (edit.by === 'student' ? edit : trainedEdit(edit))),
    blocks: { before: numBlocks, after: numBlocks - removedCount(set) },
    parameters: {
      before: plan.parameters.before,
      after: plan.parameters.before - sumOverRemoved(set, savedParameters),
    },
    blockMap: blockMapOf(numBlocks, set),
  };
}

/** Its output error is not known before it is trained. */
function trainedEdit({ outputErrorBounds: _, ...edit }: PlannedEdit): PlannedEdit {
  return { ...edit, by: 'student', outputError: null };
}

/** plan.json: two spaces, a newline at the end. */
export function formatPlan(plan: Plan): string {
  return `${JSON.stringify(plan, null, 2)}\n`;
}
