/** Predicted against measured damage of mixed plans, as the tables of docs/planner.md. */
import { meanRankCorrelation, type RankCorrelation, rankCorrelation } from '../lib/core/detection/rank-correlation.ts';
import { percentileInterval } from '../lib/core/quantile.ts';
import { seededRandom } from '../lib/core/random.ts';
import type { Mixes } from './mixed-plans.ts';
import { type JudgedPlan, judgedPlans, MODELS } from './mixed-prediction.ts';
import { median, rhoText, tableOf } from './tables.ts';

const RESAMPLES = 1000;
/** Errors that somebody may want to live with. */
const USEFUL = 0.2;

export function mixedTables(mixes: Mixes): string {
  const plans = judgedPlans(mixes);
  if (plans.length === 0) return nothingMeasured(mixes);
  return [measuredText(mixes, plans), mixTable(plans), '', modelTable(plans)].join('\n');
}

function nothingMeasured({ plans: { length } }: Mixes): string {
  return length === 0 ? 'Not measured yet.' : `Plans: ${length}, all of which overflow or hold an edit that does.`;
}

function measuredText({ plans: all }: Mixes, plans: readonly JudgedPlan[]): string {
  const sizes = plans.map(({ edits }) => edits.length);
  const left = all.length - plans.length;
  const lost = left > 0 ? `; ${left} more overflow, or hold an edit that does` : '';
  return `${plans.length} plans of ${Math.min(...sizes)} to ${Math.max(...sizes)} edits${lost}.\n`;
}

function mixTable(plans: readonly JudgedPlan[]): string {
  const squares = predicted(plans, 'squares');
  const rows: [string, (plan: JudgedPlan) => boolean][] = [
    ...[...new Set(plans.map(nameOf))].map((name): [string, (plan: JudgedPlan) => boolean] => [
      name,
      (plan) => nameOf(plan) === name,
    ]),
    ['all', () => true],
    [`all with an error up to ${100 * USEFUL} %`, ({ error }) => error <= USEFUL],
  ];
  return tableOf(
    [
      'kinds',
      'plans',
      'ρ with the measured error',
      'ρ on unseen captions',
      'measured / predicted, median',
      'two thirds within',
    ],
    rows.map(([name, has]) => {
      const places = plans.flatMap((plan, i) => (has(plan) ? [i] : []));
      const pick = (values: readonly (number | null)[]) => places.map((i) => values[i] ?? null);
      const ratios = places.map((i) => plans[i]!.error / squares[i]!).filter(Number.isFinite);
      const middle = median(ratios);
      return [
        name,
        String(places.length),
        rhoText(rankCorrelation(pick(squares), pick(plans.map(({ error }) => error)))),
        rhoText(rankCorrelation(pick(squares), pick(plans.map(({ unseen }) => unseen)))),
        middle.toFixed(2),
        `× ${factorAround(ratios, middle).toFixed(2)}`,
      ];
    }),
  );
}

/** Every model beside the sum of squares, over the same plans. */
function modelTable(plans: readonly JudgedPlan[]): string {
  const measured = plans.map(({ error }) => error);
  const squares = predicted(plans, 'squares');
  // A run costs far more than other edits, so that it decides what a plan with one costs.
  const narrow = plans.flatMap(({ mix }, i) => (mix.includes('run') ? [] : [i]));
  return tableOf(
    [
      'model',
      'ρ',
      'ρ, mean within budgets',
      'ρ beside squares',
      'off by, median',
      ...(narrow.length > 0 ? ['ρ, no runs', 'ρ beside squares, no runs', 'off by, no runs'] : []),
      '',
    ],
    MODELS.map(({ name, about, predict }) => {
      const values = predict(plans);
      const off = values.map((value, i) => Math.exp(Math.abs(Math.log(value / measured[i]!))) - 1);
      const pick = (of: readonly number[]) => narrow.map((i) => of[i]!);
      const gain = (of: (all: readonly number[]) => readonly number[]) =>
        name === 'squares' ? '' : gainText(of(values), of(squares), of(measured));
      const offText = (of: readonly number[]) => `${(100 * median(of)).toFixed(0)} %`;
      return [
        name,
        rhoText(rankCorrelation(values, measured)),
        rhoText(withinBudgets(plans, values)),
        gain((all) => all),
        offText(off),
        ...(narrow.length > 0
          ? [rhoText(rankCorrelation(pick(values), pick(measured))), gain(pick), offText(pick(off))]
          : []),
        about,
      ];
    }),
  );
}

function withinBudgets(plans: readonly JudgedPlan[], values: readonly number[]): RankCorrelation | null {
  const budgets = [...new Set(plans.map(({ budget }) => budget))];
  return meanRankCorrelation(
    budgets.map((budget) =>
      plans.flatMap((plan, i) => (plan.budget === budget ? [[values[i]!, plan.error] as const] : [])),
    ),
  );
}

/** ρ of the values less ρ of the squares, with the 95 % of a bootstrap over plans. */
function gainText(values: readonly number[], squares: readonly number[], measured: readonly number[]): string {
  const gainOf = (places: readonly number[]) => {
    const pick = (of: readonly number[]) => places.map((i) => of[i]!);
    const rho = (of: readonly number[]) =>
      rankCorrelation(pick(of), pick(measured), { resamples: 0 })?.rho ?? Number.NaN;
    return rho(values) - rho(squares);
  };
  const random = seededRandom(1);
  const all = [...measured.keys()];
  const drawn = Array.from({ length: RESAMPLES }, () => gainOf(all.map(() => random.integer(all.length))));
  const { low, high } = percentileInterval(drawn.filter(Number.isFinite));
  const signed = (value: number) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(3)}`;
  return `${signed(gainOf(all))} (${signed(low)} to ${signed(high)})`;
}

function predicted(plans: readonly JudgedPlan[], name: string): number[] {
  return MODELS.find((model) => model.name === name)!.predict(plans);
}

/** Two thirds of the ratios lie within this factor of `middle`. */
function factorAround(ratios: readonly number[], middle: number): number {
  const misses = ratios.map((ratio) => Math.abs(Math.log(ratio / middle))).sort((a, b) => a - b);
  return Math.exp(misses[Math.ceil((2 / 3) * misses.length) - 1] ?? 0);
}

const nameOf = ({ mix }: JudgedPlan) => mix.join(' + ');
