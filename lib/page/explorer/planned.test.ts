import { beforeEach, describe, expect, it } from 'vitest';
import { ffnEdit, modulationEdit, runEdit, textStreamEdit } from '@/lib/core/edit/index.ts';
import { exampleModel, reportOf } from '@/lib/core/planner/planner-fixtures.ts';
import { type Asked, editsOfPlan } from './plan-subject.ts';
import { planWithin, solve } from './planned.ts';
import { clearRules, DEFAULT_PLANNER, markBlocks, plannerStore, setBudgetKind } from './planner.ts';
import { damageOf } from './report-fixtures.ts';
import { DEFAULT_SETTINGS } from './settings.ts';

const model = exampleModel(8);
const report = reportOf([0.3, 0.02, 0.01, 0.02, 0.01, 0.03, 0.02, 0.2]);
const NO_OFFERS: Asked['offers'] = [];
const plannedOf = (
  { value = DEFAULT_PLANNER.value, ...asked }: Partial<Asked> & { value?: string } = {},
  of = report,
) =>
  planWithin(
    solve({ model, report: of, read: DEFAULT_SETTINGS, asked: { ...DEFAULT_PLANNER, offers: NO_OFFERS, ...asked } }),
    value,
  );

beforeEach(() => plannerStore.setState(DEFAULT_PLANNER));

describe('plans on the page', () => {
  it('are a front and the best plan within the budget', () => {
    const { front, best, budget, problem } = plannedOf({ value: '70 %' });
    expect(problem).toBeNull();
    expect(front.points).toHaveLength(8);
    expect(budget).toEqual({ kind: 'params', limit: { share: 0.7 }, dtype: null });
    expect(best?.cost).toBeLessThanOrEqual(0.7 * model.parameters);
    const { passedOver, ...point } = best!;
    expect(front.points).toContainEqual(point);
    expect(passedOver).toBeNull();
  });

  it('say what is wrong with a budget, and keep the front', () => {
    for (const [value, words] of [
      ['', /not readable/],
      ['1%', /No plan meets the budget/],
    ] as const) {
      const { front, best, problem } = plannedOf({ value });
      expect(problem).toMatch(words);
      expect({ best, points: front.points.length }).toEqual({ best: null, points: 8 });
    }
  });

  it('say which lock contradicts what is kept', () => {
    const kept = [runEdit({ first: 1, last: 3 }, 'nothing')];
    const { least, problem } = plannedOf({ kept, locked: [2] });
    expect(least).toBeNull();
    expect(problem).toMatch(/A lock contradicts the choice; found 1-3 by nothing is chosen, and block 2 is locked/);
  });

  it('have no time where the report did not measure it', () => {
    const untimed = { ...report, blockMs: new Array<null>(8).fill(null) };
    const { problem } = plannedOf({ kind: 'time' }, untimed);
    expect(problem).toMatch(/A budget of time needs the time of every block/);
  });
});

describe('plans of every kind', () => {
  const measured = { ...report, damage: allRemoved() };
  const offers = [
    { edit: textStreamEdit({ first: 4, last: 6 }), outputError: 0.001 },
    { edit: ffnEdit(2, 'image'), outputError: 0.002 },
    { edit: modulationEdit({ rank: 8 }), outputError: 0.003 },
  ];
  const planned = (allow: Asked['allow'], given: Asked['offers'] = offers) =>
    plannedOf({ value: '70%', allow, offers: given }, measured);
  const kindsOf = ({ best }: ReturnType<typeof planned>) => best && [...new Set(editsOfPlan(best).map(({ on }) => on))];

  it('hold the kinds that are allowed', () => {
    expect(kindsOf(planned(['run']))).toEqual(['run']);
    const all = planned(['run', 'text', 'ffn', 'modulation']);
    expect(all.problem).toBeNull();
    expect(kindsOf(all)).toContain('modulation');
    expect(all.best?.damage).toBeLessThan(planned(['run']).best!.damage);
    expect(all.front.points.some(({ width }) => width.length > 0)).toBe(true);
  });

  it('are made of the others where nothing of a kind is measured', () => {
    expect(kindsOf(planned(['run', 'text'], []))).toEqual(['run']);
  });

  it.each([[undefined], [[3]]])('need a kind of edit that is allowed, locks or not', (locked) => {
    const problemOf = (allow: Asked['allow']) => plannedOf({ allow, ...(locked ? { locked } : {}) }).problem;
    expect(problemOf([])).toBe('Allow a kind of edit.');
    expect(problemOf(['text'])).toBe('No kind of edit that is allowed has been measured.');
  });

  it('do not tell the command of the terminal where output errors do not add up', () => {
    const { problem } = plannedOf({ allow: ['run', 'text'], offers });
    expect(problem).toMatch(/Output errors do not add to this prediction/);
    expect(problem).not.toContain('contigua analyse');
  });

  /** Of every interval, so that the planner adds output errors. */
  function allRemoved() {
    const pairs = Array.from({ length: 8 }, (_, first) => Array.from({ length: 8 }, (_, last) => ({ first, last })));
    return pairs
      .flat()
      .filter(({ first, last }) => last > first)
      .map((run) => damageOf(runEdit(run, 'nothing'), 0.05 * (run.last - run.first)));
  }
});

describe('rules for blocks', () => {
  it('are set and taken by range, and one gives way to the other', () => {
    markBlocks({ first: 1, last: 3 }, 'lock');
    markBlocks({ first: 3, last: 4 }, 'forbid');
    expect(plannerStore.getState()).toMatchObject({ locked: [1, 2], forbidden: [3, 4] });
    markBlocks({ first: 0, last: 1 }, 'lock');
    expect(plannerStore.getState().locked).toEqual([0, 1, 2]);
    markBlocks({ first: 0, last: 1 }, 'lock');
    expect(plannerStore.getState().locked).toEqual([2]);
    clearRules();
    expect(plannerStore.getState()).toMatchObject({ locked: [], forbidden: [] });
  });

  it('stay when the kind of budget changes; an amount of another unit does not', () => {
    plannerStore.setState({ kind: 'size', value: '2GB', dtype: 'bf16', locked: [1] });
    setBudgetKind('flops');
    expect(plannerStore.getState()).toMatchObject({ kind: 'flops', value: '60%', dtype: null, locked: [1] });
    plannerStore.setState({ value: '45%' });
    setBudgetKind('memory');
    expect(plannerStore.getState()).toMatchObject({ kind: 'memory', value: '45%' });
  });
});
