/**
 * How well scores predict what pruning costs after distillation: their order of single intervals, their sums over random
 * plans, and the plans that are least by them. Scores here, truths from the ledger: a changed analysis changes the former alone.
 */
import { analyse, damageInputsOf, editDamage, reportOf } from '../lib/core/analysis/index.ts';
import { calibrationFor } from '../lib/core/capture/index.ts';
import { DAMAGE_SCORES, damageScore } from '../lib/core/detection/index.ts';
import { meanRankCorrelation, type RankCorrelation, rankCorrelation } from '../lib/core/detection/rank-correlation.ts';
import { runEdits } from '../lib/core/edit/index.ts';
import { type BlockInterval, formatIntervalKey, removedCount } from '../lib/core/interval/index.ts';
import type { AnalysisReport } from '../lib/core/report/index.ts';
import { leastOf } from './arms.ts';
import { CALIBRATION } from './calibration.ts';
import { afterFewSteps, correctedScores, FEW_STEPS, type FewSteps, meanRelative, removedScores } from './candidates.ts';
import { everyInterval } from './intervals.ts';
import { measuredOf } from './ledger.ts';
import type { PlanScore } from './plan-scores.ts';
import type { Pictures, Sample } from './sample.ts';
import type { ScoreValues } from './score-values.ts';
import { EARLY_LEVELS } from './settings.ts';
import { type IntervalTruth, intervalTruths, type PlanTruth, planTruth, planTruths } from './truths.ts';

type Measured = Omit<FewSteps, 'state'> & { readonly state?: number };

/** The report with the damage of every short interval measured, whatever the ledger holds: analyses change. */
export async function measuredReport(sample: Sample): Promise<AnalysisReport> {
  const { transformer, model, engine } = sample;
  const calibration = await calibrationFor(model, CALIBRATION);
  const signal = new AbortController().signal;
  const analysed = await analyse(transformer, calibration, { signal });
  const report = reportOf(analysed, model.summary, engine);
  const inputs = damageInputsOf(calibration, analysed.maps);
  const intervals = everyInterval(model.summary.stacks);
  const damage = [...report.damage];
  for (const edit of (['nothing', 'probes', 'linear'] as const).flatMap((by) => runEdits(intervals, by))) {
    damage.push(...(await editDamage(transformer, inputs, [edit], { signal })));
  }
  return { ...report, damage };
}

/** Scores that a report says by itself: nothing is trained for them. */
export function reportScores(report: AnalysisReport): ScoreValues[] {
  const valuesOf = (of: (interval: BlockInterval) => number | null) =>
    new Map(
      everyInterval(report.model.stacks).flatMap((interval) => {
        const value = of(interval);
        return value === null ? [] : [[formatIntervalKey(interval), value] as const];
      }),
    );
  return [
    {
      name: 'blocks',
      about: 'blocks removed, and nothing else',
      values: valuesOf(({ first, last }) => last - first),
    },
    ...DAMAGE_SCORES.map(({ name, label }) => ({
      name,
      about: label,
      values: valuesOf((interval) => damageScore(report, interval, name)),
    })),
  ];
}

export async function scoresOf(
  sample: Sample,
  report: AnalysisReport,
  truths: readonly IntervalTruth[],
): Promise<ScoreValues[]> {
  const intervals = everyInterval(sample.model.summary.stacks);
  const scores = reportScores(report);
  const trained = new Map(truths.map(({ interval, trained }) => [formatIntervalKey(interval), trained]));
  const ofTrained = (name: string, about: string, of: (one: IntervalTruth['trained']) => number) =>
    scores.push({
      name,
      about,
      values: new Map([...trained].map(([key, one]) => [key, of(one)])),
    });
  ofTrained('first block', 'held-out error of the first block alone in the interval’s place', ({ baselines }) =>
    meanRelative(baselines.firstBlock),
  );
  const [corrected] = await measuredOf([() => correctedScores(sample)]);
  const families: [string, string, ReadonlyMap<string, Measured>][] = [
    ['removed', 'the later blocks left out', await measuredByKey((interval) => removedScores(sample, interval))],
    ['linear', 'the best linear map in place of the later blocks', corrected ?? new Map()],
  ];
  for (const steps of FEW_STEPS) {
    const found = await measuredByKey((interval) => afterFewSteps(sample, interval, steps));
    families.push([`${steps} steps`, `a student of ${steps} steps`, found]);
  }
  for (const [name, about, found] of families) {
    const add = (kind: string, what: string, of: (one: Measured) => number | undefined) => {
      const values = new Map<string, number>();
      for (const [key, one] of found) {
        const value = of(one);
        if (value !== undefined) values.set(key, value);
      }
      if (values.size > 0) scores.push({ name: `${name}, ${kind}`, about: `${what} with ${about}`, values });
    };
    add('state', 'held-out error of the state', ({ state }) => state);
    add('output', 'output error, mean of eight noise levels', ({ output }) => mean(output));
    add('early', 'output error, mean of the three noisiest levels', ({ output }) => mean(output.slice(-EARLY_LEVELS)));
    add('pictures', 'distance of pictures of eight captions', ({ pictures }) => pictures);
  }
  return scores;

  async function measuredByKey(of: (interval: BlockInterval) => Promise<Measured>): Promise<Map<string, Measured>> {
    return new Map(
      await measuredOf(
        intervals.map((interval) => async () => [formatIntervalKey(interval), await of(interval)] as const),
      ),
    );
  }
}

/** The same scores squared: errors of independent students add up in squares. */
export function squared({ name, about, values }: ScoreValues): ScoreValues {
  return {
    name: `${name}²`,
    about: `${about}, squared`,
    values: new Map([...values].map(([key, value]) => [key, value ** 2])),
  };
}

export const INTERVAL_TRUTHS: Readonly<Record<string, (truth: IntervalTruth) => number>> = {
  'held-out error': ({ trained }) => meanRelative(trained.heldOut.at(-1)!.student),
  'output error': ({ outputError }) => outputError,
  'picture distance': ({ pictures }) => mean(pictures.distance),
  'facts lost': ({ pictures }) => lost(pictures),
};

/** Of a score with each truth, over the intervals that were measured. */
export function intervalCorrelations(score: ScoreValues, truths: readonly IntervalTruth[]): (RankCorrelation | null)[] {
  const values = truths.map(({ interval }) => score.values.get(formatIntervalKey(interval)) ?? null);
  return Object.values(INTERVAL_TRUTHS).map((of) => rankCorrelation(values, truths.map(of)));
}

export interface PlanCorrelations {
  readonly outputError: RankCorrelation | null;
  /** Means over depths of ρ among plans that remove as many blocks. */
  readonly atEqualDepth: {
    readonly outputError: RankCorrelation;
    readonly distance: RankCorrelation;
    readonly facts: RankCorrelation;
  } | null;
}

/** Of what a score says of a plan with what was measured of it. */
export function planCorrelations(score: PlanScore, truths: readonly PlanTruth[]): PlanCorrelations {
  const predicted = truths.map(({ plan }) => score.of(plan));
  const depths = [...new Set(truths.map(({ plan }) => removedCount(plan)))];
  const atEqualDepth = (of: (truth: PlanTruth) => number) =>
    meanRankCorrelation(
      depths.map((depth) =>
        truths.flatMap((truth, i) => {
          const value = predicted[i] ?? null;
          return value === null || removedCount(truth.plan) !== depth ? [] : [[value, of(truth)] as const];
        }),
      ),
    );
  const [outputError, distance, facts] = Object.values(PLAN_TRUTHS).map(atEqualDepth);
  return {
    outputError: rankCorrelation(predicted, truths.map(PLAN_TRUTHS.outputError)),
    atEqualDepth: outputError && distance && facts ? { outputError, distance, facts } : null,
  };
}

const PLAN_TRUTHS = {
  outputError: (truth: PlanTruth) => truth.outputError,
  distance: ({ pictures }: PlanTruth) => mean(pictures.distance),
  facts: ({ pictures }: PlanTruth) => lost(pictures),
} as const;

/** What the plan of least total score costs, with the same brief students; null where the score knows no such plan. */
export async function leastPlan(sample: Sample, score: ScoreValues, remove: number): Promise<PlanTruth | null> {
  const plan = leastOf(score.values, sample.model.summary, remove);
  return removedCount(plan) < remove ? null : await planTruth(sample, plan);
}

export async function truthsOf(sample: Sample): Promise<{ intervals: IntervalTruth[]; plans: PlanTruth[] }> {
  return { intervals: await intervalTruths(sample), plans: await planTruths(sample) };
}

export function lost({ held, total }: Pictures): number {
  return 1 - sum(held) / sum(total);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
