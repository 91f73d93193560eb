/** `contigua plan --budget`: the best plan under a budget, or with `--front` all plans that no other one beats. */
import type { DetectionSettings } from '../lib/core/detection/index.ts';
import type { EditSet, RunReplacement } from '../lib/core/edit/index.ts';
import { ContiguaError } from '../lib/core/errors.ts';
import type { ModelSummary } from '../lib/core/folder/model-summary.ts';
import { editedModel, parseModelConfig } from '../lib/core/model/config-index.ts';
import { tokensOf } from '../lib/core/plan/index.ts';
import {
  amountWords,
  assertPlannable,
  type BestPlan,
  type Budget,
  type BudgetPlanner,
  budgetPlanner,
  choiceScales,
  costScales,
  measuredRank,
  modulationOffers,
  PLANNED_KINDS,
  type PlannedKind,
  type PlanPoint,
  parseBlockList,
  parseBudget,
  passedOverWords,
  type WidthOffer,
  widthOffers,
} from '../lib/core/planner/index.ts';
import type { AnalysisReport } from '../lib/core/report/index.ts';
import { type Arguments, usage } from './arguments.ts';
import { damageWords, rangedDamage } from './damage-words.ts';
import { learnFrom, learntLines, MEASURED_OPTION, type PlanFile } from './measured-plans.ts';
import { editsOf, frontJson, frontTable } from './plan-front.ts';
import { ranksOf } from './plan-modulation.ts';

export const BUDGET_OPTIONS = {
  budget: { type: 'string' },
  lock: { type: 'string' },
  forbid: { type: 'string' },
  allow: { type: 'string' },
  front: { type: 'boolean' },
  json: { type: 'boolean' },
  ...MEASURED_OPTION,
} as const;

export interface Budgeted {
  readonly edits: EditSet;
  /** For people. */
  readonly lines: readonly string[];
  /** What `--front` asks for, in place of the plan. */
  readonly front: string | null;
}

export type ChooseByBudget = (
  model: ModelSummary,
  report: AnalysisReport,
  detection: DetectionSettings,
  chosen: EditSet,
  beside?: BesideRuns,
) => Budgeted;

export interface BesideRuns {
  /** Beside the runs of the report. */
  readonly offers?: readonly WidthOffer[];
  /** Plans that were measured before. */
  readonly measured?: readonly PlanFile[];
  /** What is known of their narrower blocks; the offers unless given. */
  readonly known?: readonly WidthOffer[];
  /** Plans nothing: throws what does not depend on the errors of the offers. */
  readonly isTrial?: boolean;
}

/** Null without `--budget`. Reads what it can before any file is opened. */
export function budgetChooser(args: Arguments, by: RunReplacement): ChooseByBudget | null {
  const text = args.text('budget');
  if (text === undefined) {
    const lone = (['lock', 'forbid', 'allow', 'measured'] as const).find((name) => args.text(name) !== undefined);
    if (lone) throw usage('plan', `--${lone} is for --budget`);
    if (args.flag('front') || args.flag('json')) throw usage('plan', '--front and --json are for --budget');
    return null;
  }
  const [isFront, isJson] = [args.flag('front'), args.flag('json')];
  if (isJson && !isFront) throw usage('plan', '--json is for --front: a plan is JSON as it is');
  if (isFront && (args.flag('measure') || args.text('out') !== undefined)) {
    throw usage('plan', '--front lists plans and writes none, so that it takes no --out and no --measure');
  }
  const reportPath = args.text('report');
  if (reportPath === undefined) throw usage('plan', '--budget needs the --report that it chooses from');
  const budget = asUsage(() => parseBudget(text, '--budget'));
  const allow = allowedKinds(args);
  return (model, report, detection, chosen, { offers = [], measured = [], known = offers, isTrial = false } = {}) => {
    const rules = { by, allow, ...heldBlocks(args, model), chosen, offers };
    const used = { ...model, tokensPerForward: tokensOf(model, report.calibration) };
    const planner = budgetPlanner({ model: used, report, file: reportPath, detection, budget, rules });
    const { scale, prediction } = planner;
    const learnt = learnFrom(measured, model, report, choiceScales({ model: used, scale, prediction, offers: known }));
    if (isTrial) {
      if (!isFront) planner.assertWithin(budget);
      return { edits: [], lines: [], front: null };
    }
    if (isFront) {
      const [best, unmet] = bestOrWhy(planner, budget);
      const front = (isJson ? frontJson : frontTable)({ planner, budget, best, by, learnt });
      const lines = learnt ? learntLines(learnt, best?.damage ?? null, prediction.isShare) : [];
      return { edits: [], lines: [scale.about, ...(unmet ? [unmet] : []), ...lines], front };
    }
    const point = planner.best(budget);
    const lines = budgetLines(planner, point, costsOf(used, report, budget, point));
    const more = learnt ? learntLines(learnt, point.damage, prediction.isShare) : [];
    return { edits: editsOf(point), lines: [...lines, ...more], front: null };
  };
}

function heldBlocks(args: Arguments, model: ModelSummary) {
  const blocks = (name: 'lock' | 'forbid') => {
    const list = args.text(name);
    return list === undefined ? [] : asUsage(() => parseBlockList(list, model, `--${name}`));
  };
  return { locked: blocks('lock'), forbidden: blocks('forbid') };
}

/** What a budget refuses, before shared modulations are measured for it: every rank that will be on offer stands in without an error. */
export function refuseBeforeMeasuring(
  args: Arguments,
  choose: ChooseByBudget,
  model: ModelSummary,
  report: AnalysisReport,
  detection: DetectionSettings,
  chosen: EditSet,
  measured: readonly PlanFile[] = [],
): void {
  assertPlannable(allowedKinds(args), report, model);
  const { width } = model;
  const rank = measuredRank(model);
  const errors = new Float64Array(width + 1);
  const offersAt = (ranks: readonly number[]) => [
    ...widthOffers(report),
    ...modulationOffers({ width, errors, rank, outputError: 0, earlyError: 0, bounds: null }, ranks),
  ];
  const known = offersAt(measured.flatMap(({ plan }) => ranksOf(plan.edits)));
  choose(model, report, detection, chosen, { offers: offersAt(ranksOf(chosen)), measured, known, isTrial: true });
}

/** A front does not depend on the budget: one that cannot be met is told beside it. */
function bestOrWhy(planner: BudgetPlanner, budget: Budget): [BestPlan | null, string | null] {
  try {
    return [planner.best(budget), null];
  } catch (thrown) {
    if (thrown instanceof ContiguaError && thrown.code === 'plan-invalid') return [null, thrown.message];
    throw thrown;
  }
}

/** Whether a plan under a budget may hold edits of this kind that are not chosen already. */
export function allowsKind(args: Arguments, kind: PlannedKind): boolean {
  return args.text('budget') !== undefined && allowedKinds(args).includes(kind);
}

/** `run` unless `--allow` says otherwise. */
function allowedKinds(args: Arguments): PlannedKind[] {
  const words = (args.text('allow') ?? 'run').split(',').map((word) => word.trim());
  return words.map((word) => {
    const kind = PLANNED_KINDS.find((one) => one === word);
    if (kind) return kind;
    throw usage('plan', '--allow does not fit', word, PLANNED_KINDS.join(', '));
  });
}

function asUsage<T>(read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof ContiguaError) throw new ContiguaError('usage', thrown.summary, thrown.details);
    throw thrown;
  }
}

interface ShownCost {
  readonly name: string;
  readonly before: string;
  readonly after: string;
}

/** The plan's cost of every kind that can be told: time is left out where the report did not measure it. */
function costsOf(model: ModelSummary, report: AnalysisReport, budget: Budget, point: PlanPoint): ShownCost[] {
  const { edits, width, cost } = point;
  const narrower = width.length > 0 ? savedByWidth(model, point) : null;
  return costScales(model, report, budget).flatMap(({ before, saves, amountOf, kind }) => {
    // Of narrower blocks the planner alone tells times.
    if (narrower && kind === 'time' && kind !== budget.kind) return [];
    const ofRuns = edits.reduce((left, edit) => left - saves(edit), before);
    const after = kind === budget.kind ? cost : ofRuns - (narrower ? amountOf(narrower) : 0);
    return { name: NAMES[kind], before: amountWords(kind, before), after: amountWords(kind, after) };
  });
}

/** What narrower blocks save beside the runs. */
function savedByWidth({ config, tokensPerForward }: ModelSummary, point: PlanPoint) {
  const parsed = parseModelConfig(JSON.stringify(config), 'config.json');
  const [runs, all] = [editedModel(parsed, point.edits), editedModel(parsed, editsOf(point))];
  const flops = runs.flops(tokensPerForward) - all.flops(tokensPerForward);
  return { parameters: runs.parameters - all.parameters, flops, ms: null };
}

const NAMES = {
  params: 'parameters',
  size: 'file size',
  flops: 'operations of a step',
  time: 'time of a step',
  memory: 'memory',
} as const;

function budgetLines({ prediction, scale }: BudgetPlanner, point: BestPlan, costs: readonly ShownCost[]): string[] {
  const { passedOver } = point;
  return [
    ...costs.map(({ name, before, after }) => `${name}: ${before} → ${after}`),
    `predicted damage: ${rangedDamage(point, prediction.isShare)} (${prediction.label})`,
    ...(passedOver === null ? [] : [`${passedOverWords(damageWords(passedOver, prediction.isShare))}.`]),
    scale.about,
  ];
}
