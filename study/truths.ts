/**
 * What scores are held against: for every interval of two to five blocks a briefly trained student, what it does to the
 * output and to pictures when it alone is plugged in, and the same for random plans of those students. Knows no analysis.
 */
import type { StudentEdit } from '../lib/core/edited-model/index.ts';
import { type BlockInterval, formatIntervalKey } from '../lib/core/interval/index.ts';
import { DEFAULT_DISTIL, type DistilSettings } from '../lib/core/run/index.ts';
import { everyInterval, randomPlans, shuffled } from './intervals.ts';
import { measuredOf } from './ledger.ts';
import { choiceName, type Pictures, type Sample, type Trained } from './sample.ts';

export const TRUTH_STEPS = 200;
export const TRUTH_DRAWING = { captions: 12, steps: 12 } as const;
export const PLANS_PER_DEPTH = 16;
const PLAN_SEED = 60;
const ORDER_SEED = 1;

/** Equal and brief for all; written out, so that a changed default trains nothing again. */
export const TRUTH_DISTIL: DistilSettings = {
  ...DEFAULT_DISTIL,
  loss: 'direction-magnitude',
  magnitudeWeight: 0.1,
  start: 'first',
  steps: TRUTH_STEPS,
  batch: 16,
  distinctBatches: TRUTH_STEPS,
  learningRate: 1e-2,
  warmupSteps: 20,
  schedule: 'cosine',
  ema: null,
  seed: 0,
  heldOutSamples: 64,
  heldOutEvery: 50,
  checkpointEvery: TRUTH_STEPS,
};

export interface Truth {
  readonly outputError: number;
  readonly pictures: Pictures;
}
export interface IntervalTruth extends Truth {
  readonly interval: BlockInterval;
  readonly trained: Trained;
}
export interface PlanTruth extends Truth {
  readonly plan: readonly BlockInterval[];
}

export function truthDepths(numBlocks: number): number[] {
  return [2, 4, 6, 8, 10].filter((depth) => depth < numBlocks - 4);
}

export async function intervalTruths(sample: Sample): Promise<IntervalTruth[]> {
  const all = shuffled(everyInterval(sample.model.summary.stacks), ORDER_SEED);
  return await measuredOf(
    all.map((interval, i) => async () => {
      const startedAt = performance.now();
      const { edit, trained } = await sample.student(interval, TRUTH_DISTIL);
      const truth = await truthOf(sample, [edit]);
      const seconds = (performance.now() - startedAt) / 1000;
      if (seconds > 1) {
        console.error(
          `${sample.model.summary.name} ${i + 1}/${all.length} ${formatIntervalKey(interval)}: ${seconds.toFixed(0)} s, of which training ${trained.seconds.toFixed(0)} s; output error ${truth.outputError.toFixed(4)}`,
        );
      }
      return { interval, trained, ...truth };
    }),
  );
}

export async function planTruths(sample: Sample): Promise<PlanTruth[]> {
  const { stacks } = sample.model.summary;
  const plans = randomPlans(stacks, truthDepths(sample.numBlocks), PLANS_PER_DEPTH, PLAN_SEED);
  return await measuredOf(shuffled(plans, ORDER_SEED).map((plan) => () => planTruth(sample, plan)));
}

export async function planTruth(sample: Sample, plan: readonly BlockInterval[]): Promise<PlanTruth> {
  const students: StudentEdit[] = [];
  for (const interval of plan) students.push((await sample.student(interval, TRUTH_DISTIL)).edit);
  return { plan, ...(await truthOf(sample, students)) };
}

async function truthOf(sample: Sample, students: readonly StudentEdit[]): Promise<Truth> {
  const name = choiceName(students, TRUTH_DISTIL);
  return {
    outputError: await sample.outputError(name, students),
    pictures: await sample.pictures(name, students, TRUTH_DRAWING),
  };
}
