import { describe, expect, it } from 'vitest';
import { DEFAULT_DETECTION, damageScore } from '../detection/index.ts';
import { ffnEdit, type RunReplacement, type RunSet, runEdit } from '../edit/index.ts';
import { seededRandom } from '../random.ts';
import { damageOf } from '../report/report-fixtures.ts';
import { parseBudget } from './budget.ts';
import { type BudgetPlanner, budgetPlanner } from './budget-planner.ts';
import { FREE_RULES, type PlanRules, type WidthOffer } from './plan-rules.ts';
import { exampleModel, reportOf } from './planner-fixtures.ts';
import { studentErrorAlone } from './run-shares.ts';

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
  const plannerOf = (rules: Partial<PlanRules> = {}) =>
    budgetPlanner({
      ...{ model, report, detection: DEFAULT_DETECTION, budget: { kind: 'params', dtype: null } },
      rules: { ...FREE_RULES, by: 'student', allow: ['run', 'ffn'], offers, ...rules },
    });
  /** The formula of docs/planner.md, in squares. */
  const ofStudents = (edits: RunSet) =>
    edits.reduce((sum, run) => {
      const error = damageScore(report, run, 'linear', DEFAULT_DETECTION) ?? Number.NaN;
      const place = (run.first + run.last) / 2 / (BLOCKS - 1);
      return sum + (0.0296 * error ** 0.23 * (run.last - run.first) ** 0.58 * Math.exp(1.02 * place)) ** 2;
    }, 0);
  return { report, offers, plannerOf, ofStudents };
}

const CASES = Array.from({ length: 12 }, (_, seed) => randomCase(seed));
const BUDGETS = Array.from({ length: 14 }, (_, i) => parseBudget(`params=${25 + 5 * i}%`, 'test'));

describe('plans of students and narrower blocks', () => {
  it('stand where both predictions call them better than runs alone, and give way to those elsewhere', () => {
    let [stood, gaveWay] = [0, 0];
    for (const { report, offers, plannerOf, ofStudents } of CASES) {
      const planner = plannerOf();
      const { prediction } = planner;
      // With a prediction that is given, no second one is asked.
      const [byFirst, alone] = ([['run', 'ffn'], ['run']] as const).map((allow) =>
        budgetPlanner({
          ...{ model, report, detection: DEFAULT_DETECTION, budget: { kind: 'params', dtype: null }, prediction },
          rules: { ...FREE_RULES, by: 'student', allow, offers },
        }),
      ) as [BudgetPlanner, BudgetPlanner];
      for (const budget of BUDGETS) {
        const [point, first] = [planner.best(budget), byFirst.best(budget)];
        const other = alone.best(budget);
        const narrower = first.width.reduce((sum, edit) => {
          const { outputError } = offers.find((one) => one.edit === edit)!;
          return sum + outputError! ** 2;
        }, 0);
        if (narrower === 0 || ofStudents(first.edits) + narrower <= ofStudents(other.edits)) {
          expect(point).toEqual(first);
          if (narrower > 0) stood++;
        } else {
          expect(point).toMatchObject({ edits: other.edits, width: [], passedOver: first.damage });
          expect(point.damage).toBeGreaterThan(first.damage);
          gaveWay++;
        }
      }
    }
    expect(Math.min(stood, gaveWay)).toBeGreaterThan(10);
  });

  it('are on a front on which a plan that costs more is predicted to do less damage', () => {
    const points = CASES.map(({ plannerOf }) => plannerOf().front().points);
    for (const front of points) {
      for (const [i, { cost, damage }] of front.entries()) {
        const before = front[i - 1];
        if (!before) continue;
        expect(cost).toBeGreaterThan(before.cost);
        expect(damage).toBeLessThan(before.damage);
      }
    }
    expect(points.flat().some(({ passedOver }) => passedOver !== null)).toBe(true);
  });

  it('keep what was chosen, of either kind', () => {
    const chosen = [runEdit({ first: 5, last: 7 }, 'student'), ffnEdit(0, 'image'), ffnEdit(0, 'text')];
    for (const { plannerOf } of CASES) {
      for (const { edits, width } of plannerOf({ chosen }).front().points) {
        expect([...edits, ...width]).toEqual(expect.arrayContaining(chosen));
      }
    }
  });

  it.each<RunReplacement>(['nothing', 'linear'])(
    'are not asked for a second prediction with %s in place of runs',
    (by) => {
      const points = CASES.flatMap(({ plannerOf }) => plannerOf({ by }).front().points);
      expect(points.every(({ passedOver }) => passedOver === null)).toBe(true);
    },
  );
});

describe('the error of a student alone', () => {
  // Of docs/planner.md, weighted to early timesteps: run, linear map, student.
  it.each([
    [16, 0, 1, 0.0477, 0.0146],
    [16, 8, 11, 0.227, 0.085],
    [16, 12, 15, 0.267, 0.106],
    [24, 4, 7, 0.229, 0.0454],
    [24, 22, 23, 0.0915, 0.0474],
  ])('of %i blocks, %i to %i, is near what was measured', (numBlocks, first, last, linear, student) => {
    const factor = studentErrorAlone('linear', linear, { first, last }, numBlocks) / student;
    expect(Math.abs(Math.log(factor))).toBeLessThan(Math.log(1.3));
  });
});
