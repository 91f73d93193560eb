import { describe, expect, it } from 'vitest';
import { DEFAULT_DETECTION, damageScore } from '../detection/index.ts';
import { ffnEdit, type RunReplacement, type RunSet, runEdit } from '../edit/index.ts';
import { seededRandom } from '../random.ts';
import { damageOf } from '../report/report-fixtures.ts';
import { type Budget, parseBudget } from './budget.ts';
import { type BudgetPlanner, budgetPlanner } from './budget-planner.ts';
import { FREE_RULES, type PlanRules, type WidthOffer } from './plan-rules.ts';
import type { PlanPoint } from './plan-solver.ts';
import { exampleModel, reportOf } from './planner-fixtures.ts';
import type { Prediction } from './prediction.ts';
import { type MeasuredRun, studentErrorAlone } from './run-shares.ts';

const BLOCKS = 8;
const model = exampleModel(BLOCKS);
const runs = Array.from({ length: BLOCKS }, (_, first) =>
  Array.from({ length: BLOCKS - 1 - first }, (_, i) => runEdit({ first, last: first + 1 + i }, 'linear')),
).flat();

/** Errors of linear maps, and feed-forward layers of blocks that are cheap to make linear or are not. */
function randomCase(seed: number) {
  const random = seededRandom(seed);
  const damage = runs.map((edit) => damageOf(edit, (edit.last - edit.first) * (0.02 + 0.2 * random.uniform())));
  const report = reportOf(
    Array.from({ length: BLOCKS }, () => 0.1),
    { damage },
  );
  const offers = Array.from({ length: BLOCKS }, (_, block): WidthOffer[] =>
    ['image', 'text'].map((stream) => ({
      edit: ffnEdit(block, stream),
      outputError: 0.05 * random.uniform(),
    })),
  ).flat();
  const plannerOf = (rules: Partial<PlanRules> = {}, prediction?: Prediction) =>
    budgetPlanner({
      ...{ model, report, detection: DEFAULT_DETECTION, budget: { kind: 'params', dtype: null } },
      ...(prediction && { prediction }),
      rules: { ...FREE_RULES, by: 'student', allow: ['run', 'ffn'], offers, ...rules },
    });
  /** The formula of docs/planner.md, in squares. */
  const ofStudents = (edits: RunSet) =>
    edits.reduce((sum, run) => {
      const error = damageScore(report, run, 'linear', DEFAULT_DETECTION) ?? Number.NaN;
      const place = (run.first + run.last) / 2 / (BLOCKS - 1);
      return sum + (Math.exp(-3.57 + 1.03 * place) * error ** 0.21 * (run.last - run.first) ** 0.59) ** 2;
    }, 0);
  return { offers, plannerOf, ofStudents };
}

const CASES = Array.from({ length: 12 }, (_, seed) => randomCase(seed));
const BUDGETS = Array.from({ length: 14 }, (_, i) => parseBudget(`params=${25 + 5 * i}%`, 'test'));
const within = (amount: number): Budget => ({ kind: 'params', limit: { amount }, dtype: null });
/** Of costs, which are sums in another order. */
const MORE = 1 + 1e-9;

describe('plans of students and narrower blocks', () => {
  it('stand where both predictions call them better than runs alone, and give way to the best that stands elsewhere', () => {
    let [stood, gaveWay] = [0, 0];
    for (const { offers, plannerOf, ofStudents } of CASES) {
      const planner = plannerOf();
      const { prediction, scale } = planner;
      // With a prediction that is given, no second one is asked.
      const [byFirst, alone] = ([['run', 'ffn'], ['run']] as const).map((allow) =>
        plannerOf({ allow }, prediction),
      ) as [BudgetPlanner, BudgetPlanner];
      const second = ({ edits, width }: Pick<PlanPoint, 'edits' | 'width'>) =>
        width.reduce(
          (sum, edit) => sum + offers.find((one) => one.edit === edit)!.outputError! ** 2,
          ofStudents(edits),
        );
      const stands = (point: PlanPoint) =>
        point.width.length === 0 ||
        point.cost < alone.least ||
        second(point) <= second(alone.best(within(point.cost * MORE))) * MORE;
      const standing = byFirst.front(Number.POSITIVE_INFINITY).points.filter(stands);
      for (const budget of BUDGETS) {
        const [point, first] = [planner.best(budget), byFirst.best(budget)];
        if (stands(first)) {
          expect(point).toEqual({ ...first, passedOver: null });
          if (first.width.length > 0) stood++;
        } else {
          const limit = 'share' in budget.limit ? budget.limit.share * scale.before : 0;
          const others = [alone.best(budget), ...standing.filter(({ cost }) => cost <= limit * MORE)];
          expect(point.passedOver).toBe(first.damage);
          expect(point.damage).toBe(Math.min(...others.map(({ damage }) => damage)));
          expect(point.damage).toBeGreaterThan(first.damage);
          gaveWay++;
        }
      }
    }
    expect(Math.min(stood, gaveWay)).toBeGreaterThan(5);
  });

  it('are on a front on which a plan that costs more is predicted to do less damage, with the best plan of every budget', () => {
    let left = 0;
    for (const { plannerOf } of CASES) {
      const planner = plannerOf();
      const { points, isWhole, leavesOut } = planner.front(Number.POSITIVE_INFINITY);
      expect(isWhole).toBe(true);
      left += Number(leavesOut);
      for (const [i, { cost, damage }] of points.entries()) {
        const before = points[i - 1];
        if (!before) continue;
        expect(cost).toBeGreaterThan(before.cost);
        expect(damage).toBeLessThan(before.damage);
      }
      for (const budget of BUDGETS) {
        const { passedOver: _, ...best } = planner.best(budget);
        expect(points).toContainEqual(best);
      }
    }
    expect(left).toBeGreaterThan(3);
  });

  it('keep what was chosen, of either kind, where they give way too', () => {
    const chosen = [runEdit({ first: 5, last: 7 }, 'student'), ffnEdit(0, 'image'), ffnEdit(0, 'text')];
    const fronts = CASES.map(({ plannerOf }) => plannerOf({ chosen }).front());
    for (const { edits, width } of fronts.flatMap(({ points }) => points)) {
      expect([...edits, ...width]).toEqual(expect.arrayContaining(chosen));
    }
    expect(fronts.some(({ leavesOut }) => leavesOut)).toBe(true);
  });

  it.each<RunReplacement>(['nothing', 'probes', 'linear'])(
    'are not asked for a second prediction with %s in place of runs',
    (by) => {
      expect(CASES.some(({ plannerOf }) => plannerOf({ by }).front().leavesOut)).toBe(false);
    },
  );
});

describe('the error of a student alone', () => {
  // Of docs/planner.md, weighted to early timesteps: blocks of the model, run, linear map, blocks left out, student.
  it.each([
    [16, 0, 1, 0.0477, 0.104, 0.0146],
    [16, 8, 11, 0.227, 0.276, 0.085],
    [16, 12, 15, 0.267, 0.459, 0.106],
    [24, 4, 7, 0.229, 0.462, 0.0454],
    [24, 22, 23, 0.0915, 0.165, 0.0474],
  ])(
    'of %i blocks, %i to %i, is near what was measured, by either error',
    (numBlocks, first, last, linear, removed, student) => {
      for (const [measured, error] of Object.entries({ linear, removed })) {
        const alone = studentErrorAlone(measured as MeasuredRun, error, { first, last }, numBlocks);
        expect(Math.abs(Math.log(alone / student))).toBeLessThan(Math.log(1.3));
      }
    },
  );
});
