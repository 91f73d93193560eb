/**
 * From a choice to its plan. Deterministic: the same model, report, choice and settings give the same bytes, unless the
 * caller names a time.
 */
import { type DetectionSettings, similarityOf } from '../detection/index.ts';
import { ContiguaError } from '../errors.ts';
import {
  type BlockInterval,
  containsInterval,
  formatIntervalKey,
  intervalSetOf,
  removedCount,
  sumOverRemoved,
} from '../interval/index.ts';
import type { AnalysisReport } from '../report/index.ts';
import { blockMapOf } from './block-map.ts';
import { parameterCost } from './cost.ts';
import { PLAN_SCHEMA_ID, PLAN_VERSION, type Plan, type PlanReplacement } from './plan.ts';
import { PRODUCT_VERSION } from './product-version.ts';

/** What a plan says about its model; a worker's ModelSummary has it all. */
export interface PlannedModel {
  readonly name: string;
  readonly fingerprint: string;
  readonly className: string;
  readonly family: string;
  readonly numBlocks: number;
  /** First blocks of every stack but the first. */
  readonly seams: readonly number[];
  readonly width: number;
  /** One per block. */
  readonly blocks: readonly PlannedBlock[];
  readonly globalParameters: number;
}

export interface PlannedBlock {
  readonly parameters: number;
  /** Streams whose state it changes. */
  readonly updates: readonly string[];
}

export interface PlanChoice {
  readonly model: PlannedModel;
  /** Of this very model, or null where nothing was analysed. */
  readonly report: AnalysisReport | null;
  readonly intervals: readonly BlockInterval[];
  readonly replacement: PlanReplacement;
  readonly detection: DetectionSettings;
  readonly createdAt?: string;
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
    found: `${report.model.name} with fingerprint ${report.model.fingerprint}`,
    expected: `${model.name} with fingerprint ${model.fingerprint}`,
    hint: 'Analyse this model and plan with its own report.',
  });
}

export function buildPlan({ model, report, intervals, replacement, detection, createdAt }: PlanChoice): Plan {
  if (report !== null) assertReportFits(report, model);
  const set = intervalSetOf(intervals, model, 'the chosen intervals');
  const removed = removedCount(set);
  return {
    $schema: PLAN_SCHEMA_ID,
    version: PLAN_VERSION,
    createdWith: `contigua ${PRODUCT_VERSION}`,
    ...(createdAt === undefined ? {} : { createdAt }),
    model: {
      name: model.name,
      fingerprint: model.fingerprint,
      className: model.className,
      family: model.family,
      numBlocks: model.numBlocks,
      ...(model.seams.length > 0 ? { seams: model.seams } : {}),
    },
    replacement,
    intervals: set.map(({ first, last }) => ({
      first,
      last,
      cka: report === null ? null : similarityOf(report, detection, { first, last }),
      removedError: report?.damage.find((d) => d.first === first && d.last === last)?.removedError ?? null,
    })),
    blocks: { before: model.numBlocks, after: model.numBlocks - removed },
    parameters: parameterCost(model, set, replacement),
    blockMap: blockMapOf(model.numBlocks, set),
    calibration: report?.calibration ?? null,
    settings: report === null ? null : { ...detection, ...report.settings },
  };
}

/**
 * What a run's plan becomes when some of its students are plugged in: their intervals alone, as the teacher's blocks are
 * back in all others. Throws `plan-invalid` for an interval that the plan has not.
 */
export function pluggedPlan(plan: Plan, plugged: readonly BlockInterval[], blockParameters: readonly number[]): Plan {
  for (const interval of plugged) {
    if (containsInterval(plan.intervals, interval)) continue;
    throw new ContiguaError('plan-invalid', 'The plan has no such interval', {
      found: formatIntervalKey(interval),
      expected: plan.intervals.map(formatIntervalKey).join(', ') || 'none',
    });
  }
  const { numBlocks } = plan.model;
  const set = intervalSetOf(plugged, plan.model, 'the plugged students');
  const removed = removedCount(set);
  const { createdAt: _, ...rest } = plan;
  return {
    ...rest,
    createdWith: `contigua ${PRODUCT_VERSION}`,
    replacement: 'students',
    intervals: plan.intervals.filter((interval) => containsInterval(set, interval)),
    blocks: { before: numBlocks, after: numBlocks - removed },
    parameters: {
      before: plan.parameters.before,
      after: plan.parameters.before - sumOverRemoved(set, blockParameters),
    },
    blockMap: blockMapOf(numBlocks, set),
  };
}

/** plan.json: two spaces, a newline at the end. */
export function formatPlan(plan: Plan): string {
  return `${JSON.stringify(plan, null, 2)}\n`;
}
