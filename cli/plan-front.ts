/** `contigua plan --budget --front`: all plans that no other one beats, and those that were measured, as a table or for programs. */
import { compareEdits, type EditSet, formatEditParam, type RunReplacement, runsOf } from '../lib/core/edit/index.ts';
import { removedCount } from '../lib/core/interval/index.ts';
import {
  amountWords,
  type BestPlan,
  type Budget,
  type BudgetPlanner,
  choiceKey,
  type PlanPoint,
} from '../lib/core/planner/index.ts';
import { rangedDamage } from './damage-words.ts';
import type { KnownPlan, Learnt } from './measured-plans.ts';
import { percentText } from './percent-text.ts';

export interface Front {
  readonly planner: BudgetPlanner;
  readonly budget: Budget;
  /** Null where the budget cannot be met. */
  readonly best: BestPlan | null;
  readonly by: RunReplacement;
  /** Null where no measured plan was given. */
  readonly learnt: Learnt | null;
}

export const editsOf = ({ edits, width }: Pick<PlanPoint, 'edits' | 'width'>): EditSet =>
  [...edits, ...width].sort(compareEdits);

interface Row extends Pick<PlanPoint, 'damage' | 'bounds'> {
  readonly edits: EditSet;
  /** Null where it cannot be told. */
  readonly cost: number | null;
  readonly isBest: boolean;
  readonly measured: KnownPlan | null;
}

/** The front, the best plan where it lies between the corners of one that is not whole, and the measured plans, by cost. */
function rowsOf({ best, learnt }: Front, points: readonly PlanPoint[]): Row[] {
  const measured = new Map(learnt?.plans.map((plan) => [choiceKey(plan.edits), plan]));
  const bestKey = best && choiceKey(editsOf(best));
  const rows = new Map<string, Row>();
  for (const point of best ? [...points, best] : points) {
    const edits = editsOf(point);
    const key = choiceKey(edits);
    rows.set(key, { ...point, edits, isBest: key === bestKey, measured: measured.get(key) ?? null });
  }
  for (const [key, plan] of measured) {
    const { edits, cost, predicted } = plan;
    const row = { edits, cost, damage: predicted.value, bounds: predicted.bounds, isBest: false, measured: plan };
    if (!rows.has(key)) rows.set(key, row);
  }
  return [...rows.values()].sort((a, b) => (a.cost ?? Number.POSITIVE_INFINITY) - (b.cost ?? Number.POSITIVE_INFINITY));
}

const LEFT_OUT =
  'Plans with narrower blocks give way where a second prediction ranks them behind the best plan of runs alone that saves as much.';

export function frontTable(front: Front): string {
  const { planner, budget, best, by, learnt } = front;
  const { points, isWhole, leavesOut } = planner.front();
  const { scale, prediction } = planner;
  const rows = rowsOf(front, points).map(({ edits, cost, damage, bounds, isBest, measured }) => [
    `${isBest ? '*' : ''}${measured ? 'o' : ''}`,
    cost === null ? 'n/a' : amountWords(budget.kind, cost),
    cost === null ? 'n/a' : `${((100 * cost) / scale.before).toFixed(1)} %`,
    String(removedCount(runsOf(edits))),
    rangedDamage({ damage, bounds }, prediction.isShare),
    ...(learnt ? [errorWords(learnt, damage, measured)] : []),
    formatEditParam(edits, by) || '-',
  ]);
  const error = learnt ? ['output error'] : [];
  const table = [['', 'cost', 'of all', 'blocks out', 'predicted damage', ...error, 'edits'], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
  const note = isWhole
    ? 'No other plan costs as little and is predicted to do as little damage.'
    : 'Each is the best plan of its cost; further ones lie between them.';
  const left = leavesOut || (best?.passedOver ?? null) !== null ? `\n${LEFT_OUT}` : '';
  const marks = `${best === null ? '' : '* the best plan within the budget. '}${learnt ? 'o measured. ' : ''}`;
  return `${lines.join('\n')}\n\n${marks}${note}${left}\nPredicted damage: ${prediction.label}.\n`;
}

function errorWords({ fit }: Learnt, damage: number, measured: KnownPlan | null): string {
  if (measured) return percentText(measured.outputError);
  return fit.correct ? `about ${percentText(fit.correct(damage))}` : 'n/a';
}

export function frontJson(front: Front): string {
  const { planner, budget, best, by, learnt } = front;
  const { points, isWhole, leavesOut } = planner.front();
  const shown = (point: PlanPoint) => ({
    intervals: formatEditParam(editsOf(point), by),
    blocksRemoved: removedCount(point.edits),
    cost: point.cost,
    predictedDamage: point.damage,
    ...(point.bounds ? { bounds: point.bounds } : {}),
    ...(learnt ? { correctedError: learnt.fit.correct?.(point.damage) ?? null } : {}),
  });
  const { before } = planner.scale;
  const whole = {
    kind: budget.kind,
    dtype: budget.dtype,
    before,
    least: planner.least,
    prediction: planner.prediction.label,
    ...(learnt
      ? { correction: correctionOf(learnt), measured: learnt.plans.map((plan) => measuredJson(plan, by)) }
      : {}),
  };
  const passedOver = best && best.passedOver !== null ? { passedOver: best.passedOver } : {};
  const chosen = best && { ...shown(best), ...passedOver };
  return `${JSON.stringify({ ...whole, best: chosen, isWhole, leavesOut, front: points.map(shown) }, null, 2)}\n`;
}

const correctionOf = ({ plans, fit: { factor, correlation } }: Learnt) => ({
  plans: plans.length,
  factor,
  correlation,
});

const measuredJson = ({ file, edits, cost, predicted, outputError, bounds }: KnownPlan, by: RunReplacement) => ({
  file,
  intervals: formatEditParam(edits, by),
  blocksRemoved: removedCount(runsOf(edits)),
  cost,
  predictedDamage: predicted.value,
  outputError,
  ...(bounds ? { outputErrorBounds: bounds } : {}),
});
