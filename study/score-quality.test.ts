import { expect, test } from 'vitest';
import { everyInterval, randomPlans } from './intervals.ts';
import { fitted, fittedWeights, scoreTerms, summed, superposed } from './plan-scores.ts';
import { intervalCorrelations, planCorrelations, squared } from './score-quality.ts';
import { intervalTable, planTable } from './score-tables.ts';
import type { ScoreValues } from './score-values.ts';
import type { IntervalTruth, PlanTruth } from './truths.ts';

const STACKS = [
  { first: 0, last: 5 },
  { first: 6, last: 11 },
];
const key = ({ first, last }: { first: number; last: number }) => `${first}-${last}`;
/** An interval's true cost: its blocks count by depth, each in its own way. */
const cost = ({ first, last }: { first: number; last: number }) => (last - first) * (1 + Math.sin(first) ** 2);
const pictures = (error: number) => ({ held: [100 - error], total: [200], distance: [error], steps: 1 });
const error = (relative: number) => ({ image: { direction: relative, magnitude: relative, relative }, text: null });

const intervals: IntervalTruth[] = everyInterval(STACKS).map((interval) => ({
  interval,
  trained: {
    baselines: { firstBlock: error(1), probes: error(1), removal: error(1) },
    startBlock: interval.first,
    heldOut: [{ step: 200, student: error(cost(interval)) }],
    seconds: 1,
  },
  outputError: cost(interval),
  pictures: pictures(cost(interval)),
}));
/** Independent errors add up in squares. */
const plans: PlanTruth[] = randomPlans(STACKS, [3, 5], 12, 1).map((plan) => {
  const total = Math.sqrt(plan.reduce((sum, interval) => sum + cost(interval) ** 2, 0));
  return { plan, outputError: total, pictures: pictures(total) };
});
const scoreOf = (name: string, of: (interval: { first: number; last: number }) => number): ScoreValues => ({
  name,
  about: name,
  values: new Map(intervals.map(({ interval }) => [key(interval), of(interval)])),
});
const exact = scoreOf('exact', cost);
const length = scoreOf('blocks', ({ first, last }) => last - first);

test('no interval crosses from one stack into the next, and a random plan is disjoint and removes what was asked', () => {
  expect(everyInterval(STACKS)).toHaveLength(2 * (5 + 4 + 3 + 2));
  for (const { plan } of plans) {
    expect([3, 5]).toContain(plan.reduce((sum, { first, last }) => sum + last - first, 0));
    for (const [i, { first, last }] of plan.entries()) {
      expect(STACKS.some((stack) => stack.first <= first && last <= stack.last)).toBe(true);
      expect(first).toBeGreaterThan(plan[i - 1]?.last ?? -1);
    }
  }
});

test('a score that is the cost orders intervals without a fault, the number of blocks does not', () => {
  expect(intervalCorrelations(exact, intervals).map((found) => found?.rho)).toEqual([1, 1, 1, 1]);
  for (const found of intervalCorrelations(length, intervals)) expect(found?.rho).toBeLessThan(0.99);
});

test('sums of squares order plans whose errors are independent; at equal depth the number of blocks says nothing', () => {
  const best = planCorrelations(summed(squared(exact)), plans);
  expect(best.outputError?.rho).toBeCloseTo(1, 12);
  expect(best.atEqualDepth?.outputError.rho).toBeCloseTo(1, 12);
  expect(best.atEqualDepth?.outputError.bounds?.low).toBeCloseTo(1, 12);
  expect(planCorrelations(summed(length), plans).atEqualDepth).toBeNull();
});

test('a score that was not measured on every interval says nothing of a plan that holds another', () => {
  const partial = { ...exact, values: new Map([...exact.values].slice(0, 4)) };
  expect(planCorrelations(summed(partial), plans).atEqualDepth).toBeNull();
  expect(planTable([summed(partial)], { intervals, plans })).toContain('| exact | n/a | n/a | n/a | n/a |');
  expect(intervalTable([exact], { intervals, plans })).toContain('| exact | 1.00 (1.00 to 1.00) |');
});

/** Output differences in three directions by an interval's place, so that some pairs add up and others cancel. */
const difference = ({ first, last }: { first: number; last: number }) =>
  [Math.cos(first), Math.sin(first), 0.2].map((value) => value * (last - first));
const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
const rows = intervals.map(({ interval: a }, i) =>
  intervals.slice(0, i + 1).map(({ interval: b }) => dot(difference(a), difference(b))),
);
const gram = { keys: intervals.map(({ interval }) => key(interval)), all: rows, early: rows, seconds: 1 };

test('superposed differences are the length of their sum', () => {
  const [all] = superposed({ name: 'Σδ', about: '', gram });
  for (const { plan } of plans) {
    const sum = plan.map(difference).reduce((a, b) => a.map((value, i) => value + b[i]!));
    expect(all?.of(plan)).toBeCloseTo(Math.sqrt(dot(sum, sum)), 12);
  }
  expect(all?.of([{ first: 0, last: 11 }])).toBeNull();
});

test('the weights of pairs are found where plans follow them, and a plan is predicted without its own tenth', () => {
  const costed = (plan: PlanTruth['plan']) => {
    const [own, neighbours, others] = scoreTerms(exact)(plan)!;
    return Math.sqrt(own + 0.5 * neighbours + 0.1 * others);
  };
  const measured = plans.map(({ plan, pictures }) => ({ plan, pictures, outputError: costed(plan) }));
  const terms = measured.map(({ plan, outputError }) => ({
    terms: scoreTerms(exact)(plan)!,
    squared: outputError ** 2,
  }));
  const weights = fittedWeights(terms)!;
  for (const [i, weight] of [1, 0.5, 0.1].entries()) expect(weights[i]).toBeCloseTo(weight, 5);
  // One plan that nothing explains moves the prediction of others, never its own.
  const odd = measured.map((one, i) => (i === 0 ? { ...one, outputError: 100 * one.outputError } : one));
  const [first] = odd;
  expect(fitted('', '', scoreTerms(exact), odd).of(first!.plan)).toBeCloseTo(costed(first!.plan), 4);
});
