/**
 * From a choice to its plan. Deterministic: the same model, report, choice and settings give the same bytes, unless the
 * caller names a time.
 */
import { type DetectionSettings, estimatedError, foundIn, similarityOf } from '../detection/index.ts';
import {
  compareEdits,
  type Edit,
  type EditSet,
  editKey,
  editSetOf,
  narrowedBlocks,
  onlyRuns,
  type RunEdit,
  runEdit,
  runSetOf,
  runsOf,
  type WidthEdit,
} from '../edit/index.ts';
import { ContiguaError } from '../errors.ts';
import {
  type BlockInterval,
  containsInterval,
  formatIntervalKey,
  intervalSetOf,
  removedCount,
  sumOverRemoved,
} from '../interval/index.ts';
import {
  type DeclaredStack,
  editableModel,
  editedModel,
  type ModelConfig,
  type RawConfig,
  type StreamSpec,
} from '../model/config-index.ts';
import { type AnalysisReport, type Bounds, damageOf, outputErrorOf, widthDamageOf } from '../report/index.ts';
import { wilsonInterval } from '../wilson-interval.ts';
import { blockMapOf } from './block-map.ts';
import { type CostedBlock, configOf, parameterCost } from './cost.ts';
import {
  type ChoiceFigures,
  PLAN_SCHEMA_ID,
  PLAN_VERSION,
  type Plan,
  type PlannedEdit,
  type PlannedRun,
  type PlannedWidthEdit,
  type RunPlan,
} from './plan.ts';
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
  /** config.json; needed where an edit makes a block narrower. */
  readonly config?: RawConfig;
}

export interface PlanChoice<E extends Edit = Edit> {
  readonly model: PlannedModel;
  /** Of this very model, or null where nothing was analysed. */
  readonly report: AnalysisReport | null;
  readonly edits: readonly E[];
  readonly detection: DetectionSettings;
  /** What was measured of these very edits together; nothing unless given. */
  readonly measured?: MeasuredFigures | null;
  /** What the least-squares start of edits that make blocks narrower leaves, by `editKey`. */
  readonly fitErrors?: ReadonlyMap<string, number>;
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

export function buildPlan(choice: PlanChoice<RunEdit>): RunPlan;
export function buildPlan(choice: PlanChoice): Plan;
export function buildPlan({ model, report, edits, detection, measured, fitErrors, createdAt }: PlanChoice): Plan {
  if (report !== null) assertReportFits(report, model);
  const set = checkedSet(edits, model);
  const runs = runsOf(set);
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
    edits: set.map((edit): PlannedEdit => {
      if (edit.on !== 'run') return plannedWidth(edit, report, fitErrors?.get(editKey(edit)));
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
    blocks: { before: numBlocks, after: numBlocks - removedCount(runs) },
    parameters: parameterCost(model, set),
    blockMap: blockMapOf(numBlocks, runs, narrowedBlocks(set, numBlocks)),
    calibration: report?.calibration ?? null,
    settings: report && { ...detection, ...report.settings, split: report.split },
  };
}

/** Runs are checked against the depth alone, which every caller knows; width edits against what the family allows. */
function checkedSet(edits: readonly Edit[], model: PlannedModel): EditSet {
  const where = 'the chosen edits';
  if (edits.every((edit): edit is RunEdit => edit.on === 'run')) return runSetOf(edits, model, 'the chosen intervals');
  return editSetOf(edits, editableModel(configOf(model)), where);
}

/** `fitError` is what was found just now, if anything. */
function plannedWidth(edit: WidthEdit, report: AnalysisReport | null, fitError: number | undefined): PlannedWidthEdit {
  const measured = report && widthDamageOf(report, edit);
  return {
    ...edit,
    fitError: fitError ?? measured?.fitError ?? null,
    outputError: measured?.outputError ?? null,
    ...(measured?.bounds ? { outputErrorBounds: measured.bounds } : {}),
  };
}

/** Null where nothing is known: no edits, or neither an estimate nor a measurement. */
function choiceFigures(
  report: AnalysisReport | null,
  edits: EditSet,
  measured: MeasuredFigures | null,
): ChoiceFigures | null {
  if (edits.length === 0) return null;
  const { damage = null, facts = null, on = null } = measured ?? {};
  const estimate = report && estimatedError(report, edits);
  const drawn = facts !== null && facts.total > 0;
  if (estimate === null && damage === null && !drawn) return null;
  return {
    estimatedError: estimate,
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

/** The plan, for what takes runs alone; throws `plan-invalid`, naming `file` and the first edit that is none. */
export function runPlanOf(plan: Plan, what: string, file: string): RunPlan {
  return { ...plan, edits: onlyRuns(plan.edits, what, file) };
}

/** The plan with a student in the place of every run: what a run that trains them does to the model. */
export function trainedPlan(
  plan: RunPlan,
  savedParameters: readonly number[],
  savedAtEnd?: readonly number[],
): RunPlan {
  const { createdWith, createdAt } = plan;
  return {
    ...pluggedPlan(plan, plan.edits, savedParameters, [], savedAtEnd),
    createdWith,
    ...(createdAt === undefined ? {} : { createdAt }),
  };
}

/**
 * What a run's plan becomes when some of its students are plugged in: their intervals alone, as the teacher's blocks are
 * back in all others. `savedParameters` are what the model loses with each block; `removed` are runs of the plan that go with
 * nothing in their place. Throws `plan-invalid` for an interval that the plan has not.
 */
export function pluggedPlan(
  plan: RunPlan,
  plugged: readonly BlockInterval[],
  savedParameters: readonly number[],
  removed: readonly BlockInterval[] = [],
  /** What a run from each block to the last one saves beside that. */
  savedAtEnd: readonly number[] = [],
): RunPlan {
  for (const interval of [...plugged, ...removed]) {
    if (containsInterval(plan.edits, interval)) continue;
    throw new ContiguaError('plan-invalid', 'The plan has no such interval', {
      found: formatIntervalKey(interval),
      expected: plan.edits.map(formatIntervalKey).join(', ') || 'none',
    });
  }
  const { numBlocks } = plan.model;
  const set = intervalSetOf([...plugged, ...removed], plan.model, 'the plugged students');
  // What was measured of the edits together is not what the plugged students do.
  const { createdAt: _, choice: __, ...rest } = plan;
  return {
    ...rest,
    createdWith: `contigua ${PRODUCT_VERSION}`,
    edits: plan.edits
      .filter((edit) => containsInterval(set, edit))
      .map((edit) => (edit.by === 'student' || containsInterval(removed, edit) ? edit : trainedEdit(edit))),
    blocks: { before: numBlocks, after: numBlocks - removedCount(set) },
    parameters: {
      before: plan.parameters.before,
      after: plan.parameters.before - sumOverRemoved(set, savedParameters, savedAtEnd),
    },
    blockMap: blockMapOf(numBlocks, set),
  };
}

/** With edits that make blocks narrower as well. Throws `plan-invalid` for what the model does not allow. */
export function narrowedPlan(plan: RunPlan, width: readonly PlannedWidthEdit[], config: ModelConfig): Plan {
  if (width.length === 0) return plan;
  const set = editSetOf([...plan.edits, ...width], editableModel(config), 'the edits');
  return {
    ...plan,
    edits: [...plan.edits, ...width].sort(compareEdits),
    parameters: { before: plan.parameters.before, after: editedModel(config, set).parameters },
    blockMap: blockMapOf(plan.model.numBlocks, plan.edits, narrowedBlocks(set, plan.model.numBlocks)),
  };
}

/** Its output error is not known before it is trained. */
function trainedEdit({ outputErrorBounds: _, ...edit }: PlannedRun): PlannedRun {
  return { ...edit, by: 'student', outputError: null };
}

/** plan.json: two spaces, a newline at the end. */
export function formatPlan(plan: Plan): string {
  return `${JSON.stringify(plan, null, 2)}\n`;
}
