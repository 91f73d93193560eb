import { beforeEach, describe, expect, it } from 'vitest';
import { runEdit } from '@/lib/core/edit/index.ts';
import { exampleModel, reportOf } from '@/lib/core/planner/planner-fixtures.ts';
import { type Asked, plannedFor } from './planned.ts';
import { clearRules, DEFAULT_PLANNER, markBlocks, plannerStore, setBudgetKind } from './planner.ts';
import { DEFAULT_SETTINGS } from './settings.ts';

const model = exampleModel(8);
const report = reportOf([0.3, 0.02, 0.01, 0.02, 0.01, 0.03, 0.02, 0.2]);
const plannedOf = (asked: Partial<Asked> = {}) =>
  plannedFor(model, report, DEFAULT_SETTINGS, { ...DEFAULT_PLANNER, ...asked });

beforeEach(() => plannerStore.setState(DEFAULT_PLANNER));

describe('plans on the page', () => {
  it('are a front and the best plan within the budget', () => {
    const { front, best, budget, problem } = plannedOf({ value: '70 %' });
    expect(problem).toBeNull();
    expect(front.points).toHaveLength(8);
    expect(budget).toEqual({ kind: 'params', limit: { share: 0.7 }, dtype: null });
    expect(best?.cost).toBeLessThanOrEqual(0.7 * model.parameters);
    expect(front.points).toContainEqual(best);
  });

  it('keep the front of one report while a budget is typed', () => {
    const { front } = plannedOf();
    expect(plannedOf({ value: '50%' }).front).toBe(front);
    expect(plannedOf({ locked: [3] }).front).not.toBe(front);
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
    const { planner, problem } = plannedOf({ kept, locked: [2] });
    expect(planner).toBeNull();
    expect(problem).toMatch(/A lock contradicts the choice; found 1-3 by nothing is chosen, and block 2 is locked/);
  });

  it('have no time where the report did not measure it', () => {
    const untimed = { ...report, blockMs: new Array<null>(8).fill(null) };
    const { problem } = plannedFor(model, untimed, DEFAULT_SETTINGS, { ...DEFAULT_PLANNER, kind: 'time' });
    expect(problem).toMatch(/A budget of time needs the time of every block/);
  });
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
