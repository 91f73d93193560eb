/** How well scores predict, as the tables of docs/damage-scores.md. */
import { formatIntervalKey, removedCount } from '../lib/core/interval/index.ts';
import { measuredOf } from './ledger.ts';
import { differenceTerms, fitted, type PlanScore, scoreTerms, summed, superposed } from './plan-scores.ts';
import type { Sample } from './sample.ts';
import { INTERVAL_TRUTHS, intervalCorrelations, leastPlan, lost, planCorrelations, squared } from './score-quality.ts';
import type { ScoreValues } from './score-values.ts';
import type { Superposed } from './superposition.ts';
import { median, percent, rhoText, tableOf, three } from './tables.ts';
import type { IntervalTruth, PlanTruth } from './truths.ts';

/** Scores whose pairs are fitted too: one of each kind. */
const FITTED_PAIRS = ['cka', 'removed', 'probed', 'removed, early', 'linear, output', '30 steps, output'];

export interface Truths {
  readonly intervals: readonly IntervalTruth[];
  readonly plans: readonly PlanTruth[];
}

export function measuredText({ intervals, plans }: Truths, allIntervals: number): string {
  const depths = [...new Set(plans.map(({ plan }) => removedCount(plan)))].sort((x, y) => x - y);
  const [first] = intervals;
  return [
    `${intervals.length} of ${allIntervals} intervals of 2 to 5 blocks, a student of ${first?.trained.heldOut.at(-1)?.step ?? 0} steps for each;`,
    `${plans.length} random plans that remove ${depths.join(', ')} blocks; ${first?.pictures.held.length ?? 0} held-out captions, ${first?.pictures.steps ?? 0} drawing steps.`,
  ].join('\n');
}

export function intervalTable(scores: readonly ScoreValues[], truths: Truths): string {
  const rows = scores.map((score) => [score.name, ...intervalCorrelations(score, truths.intervals).map(rhoText)]);
  return tableOf(['score', ...Object.keys(INTERVAL_TRUTHS)], rows);
}

/** Sums and sums of squares of scores, superposed differences, and those with fitted pairs. */
export function planScores(
  scores: readonly ScoreValues[],
  superposedOnes: readonly Superposed[],
  { plans }: Truths,
): PlanScore[] {
  const isFitted = ({ name }: ScoreValues) => FITTED_PAIRS.includes(name);
  return [
    ...scores.flatMap((score) => [summed(score), summed(squared(score))]),
    ...superposedOnes.flatMap(superposed),
    ...scores.filter(isFitted).map((one) => fitted(one.name, one.about, scoreTerms(one), plans)),
    ...superposedOnes.map((one) => fitted(one.name, one.about, differenceTerms(one), plans)),
  ];
}

export function planTable(scores: readonly PlanScore[], { plans }: Truths): string {
  const rows = scores.map((score) => {
    const { outputError, atEqualDepth } = planCorrelations(score, plans);
    return [
      score.name,
      rhoText(outputError),
      ...(['outputError', 'distance', 'facts'] as const).map((truth) => rhoText(atEqualDepth?.[truth] ?? null)),
    ];
  });
  return tableOf(
    [
      'of a plan',
      'output error, all plans',
      'output error, equal depth',
      'picture distance, equal depth',
      'facts lost, equal depth',
    ],
    rows,
  );
}

/** How near the sum of the own errors of a plan's students comes to its error, and the root of the sum of their squares. */
export function additionTable({ intervals, plans }: Truths): string {
  const own = new Map(intervals.map(({ interval, outputError }) => [formatIntervalKey(interval), outputError]));
  const ways: Readonly<Record<string, (errors: readonly number[]) => number>> = {
    sum: (errors) => errors.reduce((total, error) => total + error, 0),
    'root of the sum of squares': (errors) => Math.hypot(...errors),
  };
  const several = plans.flatMap(({ plan, outputError }) => {
    const errors = plan.map((interval) => own.get(formatIntervalKey(interval)));
    return errors.length > 1 && errors.every((error) => error !== undefined) ? [{ errors, outputError }] : [];
  });
  const rows = Object.entries(ways).map(([name, way]) => {
    const ratios = several.map(({ errors, outputError }) => way(errors) / outputError);
    const range = `${three(median(ratios))} (${three(Math.min(...ratios))} to ${three(Math.max(...ratios))})`;
    const off = median(ratios.map((ratio) => Math.abs(ratio - 1)));
    return [name, range, percent(off), String(several.length)];
  });
  return tableOf(['estimate of a plan', 'of what it measures, median (range)', 'off by, median', 'plans'], rows);
}

/** What the inner products cost to measure, beside training. */
export function costText(superposedOnes: readonly Superposed[]): string {
  return superposedOnes.map(({ name, gram }) => `${name}: ${gram.seconds.toFixed(0)} s`).join('; ');
}

/** The plan of least total score at each depth: what its brief students cost. */
export async function choiceTable(
  sample: Sample,
  scores: readonly ScoreValues[],
  depths: readonly number[],
): Promise<string> {
  const both = scores.flatMap((one) => [one, squared(one)]);
  // All of them first, so that processes that share the ledger share them.
  await measuredOf(both.flatMap((score) => depths.map((depth) => () => leastPlan(sample, score, depth))));
  const rows: string[][] = [];
  for (const score of both) {
    const cells: string[] = [];
    for (const depth of depths) {
      const [plan] = await measuredOf([() => leastPlan(sample, score, depth)]);
      cells.push(plan ? `${percent(lost(plan.pictures))}, ${three(plan.outputError)}` : 'n/a');
    }
    rows.push([score.name, ...cells]);
  }
  return tableOf(['least total', ...depths.map((depth) => `${depth} out: facts lost, output error`)], rows);
}
