/**
 * From a report to what the planner chooses from: every edit that the report can say something about, with what it saves
 * and the damage that is predicted, under the rules that the user has set for blocks.
 *
 * - A **locked** block stays in the model with all of its weights: no edit removes, replaces or changes it. The block that
 *   an interval keeps whole (its first, unless a student takes its place) may be a locked one.
 * - A **forbidden** block is locked, and no edit begins at it either: every edit leaves it alone.
 * - A **chosen** edit is in every plan.
 */
import {
  type Edit,
  type EditSet,
  editKey,
  type RunEdit,
  type RunReplacement,
  type RunSet,
  runEdit,
  runSetOf,
  runsOf,
  type WidthEdit,
} from '../edit/index.ts';
import { ContiguaError } from '../errors.ts';
import { type Depth, formatIntervalKey, removedBlocks, stackAround } from '../interval/index.ts';
import { editableModel, parseModelConfig } from '../model/config-index.ts';
import { assertReportFits, type PlannedModel } from '../plan/index.ts';
import type { AnalysisReport, Bounds } from '../report/index.ts';
import type { Problem, Span } from './candidates.ts';
import type { BudgetedModel, CostScale } from './edit-costs.ts';
import { narrowCandidates } from './narrow-candidates.ts';
import { kindOf, type PlannedKind, type PlanRules } from './plan-rules.ts';
import type { Prediction } from './prediction.ts';
import { assertPlannable, notPlannable } from './width-offers.ts';

export interface PlanProblem {
  readonly problem: Problem;
  /** Whether runs are among the candidates. */
  readonly hasRuns: boolean;
  /** The runs behind the ids of a plan, in order of depth. */
  editsOf(ids: readonly string[]): RunSet;
  /** The edits that make blocks narrower. */
  widthOf(ids: readonly string[]): readonly WidthEdit[];
  /** Of the output errors of those, each alone. */
  boundsOf(ids: readonly string[]): readonly (Bounds | null)[];
}

type ProblemModel = Pick<BudgetedModel & PlannedModel, 'name' | 'fingerprint' | 'config' | 'tokensPerForward'> & Depth;

/**
 * Throws `plan-mismatch` where the report is of another model, and `plan-invalid` where rules contradict each other or name
 * what the model or the report has not. `file` is where the report was read from, if anywhere.
 */
export function planProblem(
  model: ProblemModel,
  report: AnalysisReport,
  scale: Pick<CostScale, 'saves' | 'amountOf'>,
  prediction: Prediction,
  rules: PlanRules,
  file?: string,
): PlanProblem {
  assertReportFits(report, model, file);
  checkRules(model, report, rules);
  const atEnd: AtEnd = { last: model.numBlocks - 1, closes: closedAtEnd(model) };
  const known = new Map<string, RunEdit>();
  const spans: Span[] = [];
  const offer = (edit: RunEdit) => {
    const damage = prediction.termOf(edit);
    if (damage === null) return;
    const id = editKey(edit);
    known.set(id, edit);
    spans.push(spanOf(id, edit, { saves: scale.saves(edit), damage }, rules.chosen, atEnd));
  };
  for (const edit of runsOf(rules.chosen)) {
    offer(edit);
    if (!known.has(editKey(edit))) throw unknownChoice(edit, prediction.label);
  }
  const isFree = (edit: RunEdit) => whyNotUnder(rules, edit) === null;
  if (rules.allow.includes('run')) {
    for (const edit of allRuns(model, rules.by)) if (isFree(edit) && !known.has(editKey(edit))) offer(edit);
  }
  const narrow = narrowCandidates(model, report, scale, prediction, rules);
  spans.push(...narrow.spans);
  const candidates = [...spans, ...narrow.choices, ...narrow.wholes];
  const ids = new Set(candidates.map(({ id }) => id));
  const unknown = rules.chosen.find((edit) => !ids.has(editKey(edit)));
  if (unknown) throw unknownChoice(unknown, 'an edit whose output error was measured');
  if (candidates.length === 0 && rules.locked.length + rules.forbidden.length === 0) {
    throw invalid('The report predicts no damage of any edit', prediction.label, 'a score that it holds');
  }
  return {
    problem: {
      numBlocks: model.numBlocks,
      spans,
      choices: narrow.choices,
      wholes: narrow.wholes,
      chosen: rules.chosen.map(editKey),
    },
    hasRuns: known.size > 0,
    editsOf: (ids) =>
      runSetOf(
        ids.flatMap((id) => known.get(id) ?? []),
        model,
        'the plan',
      ),
    widthOf: (ids) => narrow.editsOf(ids, removedBlocks(ids.flatMap((id) => known.get(id) ?? []))),
    boundsOf: narrow.boundsOf,
  };
}

/** Every run of two blocks or more inside a stack. */
function allRuns(depth: Depth, by: RunReplacement): RunEdit[] {
  const runs: RunEdit[] = [];
  for (let first = 0; first < depth.numBlocks; first++) {
    const { last: end } = stackAround(first, depth);
    for (let last = first + 1; last <= end; last++) runs.push(runEdit({ first, last }, by));
  }
  return runs;
}

/**
 * A first block that stays whole can still be edited. A student does the work of all blocks of its run: what an edit of the teacher's
 * block was measured to cost says little of the student's (docs/planner.md), so that the planner leaves it alone unless it was asked for.
 */
function spanOf(
  id: string,
  edit: RunEdit,
  { saves, damage }: Pick<Span, 'saves' | 'damage'>,
  chosen: EditSet,
  atEnd: AtEnd,
): Span {
  const { first, last, by } = edit;
  const isEdited = chosen.some((one) => one.on === 'ffn' && one.block === first);
  const closedFrom = by === 'student' && !isEdited ? first : first + 1;
  const isAtEnd = last === atEnd.last && atEnd.closes.length > 0;
  const closesAtFirst = isAtEnd ? { closesAtFirst: atEnd.closes } : {};
  return { id, track: 'depth', first, last, closedFrom, ...closesAtFirst, saves, damage };
}

/** Choices that a run to the last block leaves none of in its first block, which becomes the last. */
interface AtEnd {
  readonly last: number;
  readonly closes: readonly string[];
}

function closedAtEnd({ config }: Pick<ProblemModel, 'config'>): readonly string[] {
  const { endsWithout = [] } = editableModel(parseModelConfig(JSON.stringify(config), 'config.json'));
  return endsWithout.map((stream) => `ffn ${stream}`);
}

/** Whether an edit has to do with the block, and whether it changes the block's weights or takes them away. */
function touch(edit: Edit, block: number): { readonly isTouched: boolean; readonly isChanged: boolean } {
  if (edit.on === 'run' || edit.on === 'text-stream') {
    const isTouched = edit.first <= block && block <= edit.last;
    // The first block stays whole, unless a student takes its place.
    const isChanged = isTouched && (block > edit.first || (edit.on === 'run' && edit.by === 'student'));
    return { isTouched, isChanged };
  }
  const isTouched = edit.on === 'ffn' ? edit.block === block : edit.blocks === 'all' || edit.blocks.includes(block);
  return { isTouched, isChanged: isTouched };
}

/** Why the rules do not allow an edit, in a few words; null where they do. */
export function whyNotUnder({ locked, forbidden }: Pick<PlanRules, 'locked' | 'forbidden'>, edit: Edit): string | null {
  const barred = forbidden.find((block) => touch(edit, block).isTouched);
  if (barred !== undefined) return `block ${barred} is forbidden`;
  const held = locked.find((block) => touch(edit, block).isChanged);
  return held === undefined ? null : `block ${held} is locked`;
}

function checkRules(
  { numBlocks, config }: Pick<ProblemModel, 'numBlocks' | 'config'>,
  report: AnalysisReport,
  rules: PlanRules,
): void {
  for (const [name, blocks] of Object.entries({ lock: rules.locked, forbid: rules.forbidden })) {
    const outside = blocks.find((block) => !(Number.isSafeInteger(block) && block >= 0 && block < numBlocks));
    if (outside === undefined) continue;
    throw invalid(`The model has no such block to ${name}`, String(outside), `0 to ${numBlocks - 1}`);
  }
  const offered = new Set<PlannedKind>(rules.offers?.map(({ edit }) => kindOf(edit)));
  const missing = rules.allow.filter((kind) => kind !== 'run' && !offered.has(kind));
  assertPlannable(missing, report, { config });
  // The model and the report allow shared modulations, and nothing was offered.
  if (missing[0]) throw notPlannable(missing[0], 'no edit whose output error is known', null);
  assertChosenIsFree(rules);
}

/** Throws `plan-invalid` for a chosen edit that touches a forbidden block, or changes a locked one. */
function assertChosenIsFree(rules: Pick<PlanRules, 'locked' | 'forbidden' | 'chosen'>): void {
  for (const edit of rules.chosen) {
    const reason = whyNotUnder(rules, edit);
    if (reason === null) continue;
    const hint = 'Unlock the block, or leave the edit out of the choice.';
    throw invalid('A lock contradicts the choice', `${editWords(edit)} is chosen, and ${reason}`, undefined, hint);
  }
}

function unknownChoice(edit: Edit, expected: string): ContiguaError {
  const hint = edit.on === 'run' || edit.on === 'modulation' ? undefined : '`contigua analyse --width` measures it.';
  return invalid('The report says nothing about a chosen edit', editWords(edit), expected, hint);
}

const editWords = (edit: Edit): string =>
  edit.on === 'run' ? `${formatIntervalKey(edit)} by ${edit.by}` : editKey(edit);

function invalid(summary: string, found: string, expected?: string, hint?: string): ContiguaError {
  return new ContiguaError('plan-invalid', summary, { found, expected, hint });
}
