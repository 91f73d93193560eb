import { describe, expect, it } from 'vitest';
import { chooseLeastDamage, DEFAULT_DETECTION, scoreNamed } from '../detection/index.ts';
import { runEdit, runEdits } from '../edit/index.ts';
import { removedCount } from '../interval/index.ts';
import { seededRandom } from '../random.ts';
import { damageOf } from '../report/report-fixtures.ts';
import { formatBlockList, parseBlockList } from './block-list.ts';
import { parseBudget } from './budget.ts';
import { budgetPlanner } from './budget-planner.ts';
import { FREE_RULES, type PlanRules } from './plan-rules.ts';
import { exampleModel, reportOf } from './planner-fixtures.ts';
import { predictedDamage, predictionOf } from './prediction.ts';

const model = exampleModel(10);
const uneven = [0.2, 0.01, 0.02, 0.03, 0.05, 0.01, 0.02, 0.01, 0.06, 0.3];
const report = reportOf(uneven);
const plannerOf = (rules: Partial<PlanRules> = {}, of = report) =>
  budgetPlanner({
    model,
    report: of,
    file: 'report.json',
    detection: DEFAULT_DETECTION,
    budget: { kind: 'params', dtype: null },
    rules: { ...FREE_RULES, ...rules },
  });
const budget = (text: string) => parseBudget(text, 'test');
const keys = (edits: readonly { first: number; last: number }[]) => edits.map(({ first, last }) => `${first}-${last}`);

describe('plans of a report', () => {
  it('are those that Minimise takes, block by block', () => {
    const random = seededRandom(3);
    const own = reportOf(Array.from({ length: 10 }, () => random.uniform()));
    const planner = plannerOf({}, own);
    const { points, isWhole } = planner.front();
    expect(isWhole).toBe(true);
    expect(points).toHaveLength(10);
    const perBlock = model.blocks[0]!.parameters;
    for (let count = 1; count < 10; count++) {
      const least = chooseLeastDamage(own, model, count, 'cka');
      const point = planner.best(budget(`params=${model.parameters - count * perBlock}`));
      expect(removedCount(point.edits)).toBe(count);
      expect(point.damage).toBeCloseTo(predictedDamage(planner.prediction, runEdits(least, 'nothing'))!, 12);
      expect(points.find(({ cost }) => cost === point.cost)?.damage).toBe(point.damage);
    }
  });

  it('keep locked blocks, which may be the first of an interval, and leave forbidden ones alone', () => {
    const all = 'params=25%';
    expect(keys(plannerOf({ locked: [4] }).best(budget('params=70%')).edits)).toContain('4-7');
    const locked = plannerOf({ locked: [4] })
      .front()
      .points.flatMap(({ edits }) => edits);
    expect(locked.some(({ first, last }) => first < 4 && last >= 4)).toBe(false);
    const forbidden = plannerOf({ forbidden: [4] })
      .front()
      .points.flatMap(({ edits }) => edits);
    expect(forbidden.some(({ first, last }) => first <= 4 && last >= 4)).toBe(false);
    // A student takes the place of the first block too.
    const students = plannerOf({ locked: [4], by: 'student' })
      .front()
      .points.flatMap(({ edits }) => edits);
    expect(students.some(({ first, last }) => first <= 4 && last >= 4)).toBe(false);
    expect(() => plannerOf({ forbidden: [4] }).best(budget(all))).toThrow(/No plan meets the budget.*or more/);
  });

  it('have every chosen edit, also one with another replacement', () => {
    const chosen = [runEdit({ first: 0, last: 3 }, 'probes')];
    const { points } = plannerOf({ chosen }).front();
    expect(points.length).toBeGreaterThan(4);
    for (const { edits } of points) expect(edits).toContainEqual(chosen[0]);
  });

  it('are refused where rules contradict each other, and the message names both', () => {
    const chosen = [runEdit({ first: 2, last: 5 }, 'nothing')];
    expect(() => plannerOf({ chosen, locked: [4] })).toThrow(
      /A lock contradicts the choice; found 2-5 by nothing is chosen, and block 4 is locked/,
    );
    expect(() => plannerOf({ chosen, forbidden: [2] })).toThrow(/2-5 by nothing is chosen, and block 2 is forbidden/);
    expect(() => plannerOf({ chosen, locked: [2] })).not.toThrow();
    expect(() => plannerOf({ locked: [10] })).toThrow(/no such block to lock; found 10; expected 0 to 9/);
    expect(() => plannerOf({ allow: ['run', 'ffn'] })).toThrow(/No feed-forward layers can be planned; found ffn/);
    const foreign = { ...report, model: { ...report.model, name: 'other', fingerprint: 'sha256:11' } };
    expect(() => plannerOf({}, foreign)).toThrow(
      /report.json: The report is of another model; found other with fingerprint sha256:11; expected example/,
    );
  });

  it('say the least that can be where the budget cannot be met', () => {
    expect(() => plannerOf().best(budget('params=1%'))).toThrow(
      /No plan meets the budget; found params=1%; expected [\d.]+ M parameters or more/,
    );
  });
});

describe('the prediction', () => {
  const edits = runEdits(
    [
      { first: 1, last: 3 },
      { first: 5, last: 7 },
    ],
    'nothing',
  );
  it('adds up similarities, and the squares of output errors', () => {
    const cka = predictionOf(report, DEFAULT_DETECTION, { score: 'cka' });
    expect(predictedDamage(cka, edits)).toBeCloseTo(0.05 + 0.03, 12);
    expect(cka.boundsOf(edits)).toBeNull();
    const bounds = { low: 0.2, high: 0.6 };
    const measured = reportOf(uneven, {
      damage: [
        { ...damageOf(edits[0]!, 0.3), bounds },
        { ...damageOf(edits[1]!, 0.4), bounds: { low: 0.3, high: 0.8 } },
      ],
    });
    const removed = predictionOf(measured, DEFAULT_DETECTION, { score: 'removed' });
    expect(predictedDamage(removed, edits)).toBeCloseTo(0.5, 12);
    expect(removed.boundsOf(edits)?.high).toBeCloseTo(1, 12);
    expect(removed.label).toBe(`${scoreNamed('removed').label}, squares added up`);
    expect(predictedDamage(removed, [runEdit({ first: 0, last: 1 }, 'nothing')])).toBeNull();
  });
});

describe('lists of blocks', () => {
  it('are read and written as numbers and ranges', () => {
    expect(parseBlockList('58-59, 0,1,2', { numBlocks: 60 }, '--lock')).toEqual([0, 1, 2, 58, 59]);
    expect(formatBlockList([59, 0, 1, 2, 58, 7])).toBe('0-2,7,58-59');
    expect(() => parseBlockList('60', { numBlocks: 60 }, '--lock')).toThrow(
      /--lock: The model has no such block; found 60/,
    );
    expect(() => parseBlockList('5-3', { numBlocks: 60 }, '--lock')).toThrow(/not readable; found 5-3/);
    expect(() => parseBlockList('', { numBlocks: 60 }, '--lock')).toThrow(/not readable/);
  });
});
