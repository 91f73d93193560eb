/**
 * How should a student be trained? Variations of the settings on a few intervals of each length and depth, by the held-out
 * error, and with the student alone plugged in by the output error and pictures: cheap, and enough to rule most of them out.
 */
import { type BlockInterval, formatIntervalKey } from '../lib/core/interval/index.ts';
import { DEFAULT_DISTIL } from '../lib/core/run/index.ts';
import { choiceName, type Pictures, type Sample, type StudentSettings } from './sample.ts';
import { mean, percent, shareOfFacts } from './tables.ts';

/** What every variation starts from; written out, so that a changed default trains nothing again. */
const PLAIN: StudentSettings = {
  ...DEFAULT_DISTIL,
  loss: 'direction-magnitude',
  magnitudeWeight: 0.1,
  start: 'first',
  steps: 500,
  batch: 16,
  distinctBatches: 400,
  learningRate: 1e-2,
  warmupSteps: 50,
  schedule: 'cosine',
  beta1: 0.9,
  beta2: 0.95,
  weightDecay: 0.02,
  clipNorm: 1,
  ema: null,
  seed: 0,
  heldOutSamples: 64,
  heldOutEvery: 500,
  checkpointEvery: 500,
};

export const RECIPES: Readonly<Record<string, Partial<StudentSettings>>> = {
  plain: {},
  'uniform levels': { levels: 'uniform' },
  'seed 1': { seed: 1 },
  'lr 2e-2': { learningRate: 2e-2 },
  'lr 5e-3': { learningRate: 5e-3 },
  'magnitude 1': { magnitudeWeight: 1 },
  mse: { loss: 'mse' },
  'start best': { start: 'best' },
  'start last': { start: 'last' },
  'batch 32': { batch: 32 },
  'beta2 0.99': { beta2: 0.99 },
  'decay 0': { weightDecay: 0 },
  'decay 0.1': { weightDecay: 0.1 },
  'no clipping': { clipNorm: null },
  'ema 0.98': { ema: 0.98 },
  'constant, ema 0.98': { ema: 0.98, schedule: 'constant' },
  'ema 0.98, lr 2e-2': { ema: 0.98, learningRate: 2e-2 },
  'ema 0.98 warm': { ema: 0.98, emaWarmup: true },
  'ema 0.99 warm': { ema: 0.99, emaWarmup: true },
  'uniform levels, ema 0.98 warm': { levels: 'uniform', ema: 0.98, emaWarmup: true },
  'constant, uniform levels, ema 0.98 warm': {
    ...{ levels: 'uniform', ema: 0.98, emaWarmup: true },
    schedule: 'constant',
  },
  'long, uniform levels, ema 0.99 warm': {
    ...{ levels: 'uniform', ema: 0.99, emaWarmup: true },
    ...{ steps: 3000, distinctBatches: 1500 },
  },
  '1500 steps, 1500 batches, uniform levels, ema 0.99 warm': {
    ...{ levels: 'uniform', ema: 0.99, emaWarmup: true },
    ...{ steps: 1500, distinctBatches: 1500 },
  },
  '1500 steps, 1500 batches, uniform levels, batch 32': {
    ...{ levels: 'uniform', batch: 32 },
    ...{ steps: 1500, distinctBatches: 1500 },
  },
  '1500 steps, uniform levels, magnitude 1, ema 0.99 warm': {
    ...{ levels: 'uniform', ema: 0.99, emaWarmup: true },
    ...{ steps: 1500, magnitudeWeight: 1 },
  },
  '1000 steps': { steps: 1000 },
  '1500 steps': { steps: 1500 },
  '1500 steps, 1500 batches': { steps: 1500, distinctBatches: 1500 },
};

const DRAWN = { captions: 48, steps: 12 } as const;

export interface RecipeRow {
  readonly recipe: string;
  readonly interval: BlockInterval;
  readonly relative: Readonly<Record<string, number>>;
  readonly outputError: number;
  readonly pictures: Pictures;
  readonly seconds: number;
}

export async function recipeRows(
  sample: Sample,
  names: readonly string[],
  intervals: readonly BlockInterval[],
): Promise<RecipeRow[]> {
  const rows: RecipeRow[] = [];
  for (const recipe of names) {
    const changed = RECIPES[recipe];
    if (!changed) throw new RangeError(`No recipe "${recipe}"; there are ${Object.keys(RECIPES).join('; ')}`);
    const settings = { ...PLAIN, ...changed };
    for (const interval of intervals) {
      const { edit, trained } = await sample.student(interval, settings);
      const name = choiceName([edit], settings);
      const outputError = await sample.outputError(name, [edit]);
      const pictures = await sample.pictures(name, [edit], DRAWN);
      const last = trained.heldOut.at(-1)!.student;
      const relative = Object.fromEntries(
        Object.entries(last).flatMap(([stream, error]) => (error ? [[stream, error.relative]] : [])),
      );
      rows.push({ recipe, interval, relative, outputError, pictures, seconds: trained.seconds });
      const streams = Object.entries(relative).map(([stream, error]) => `${stream} ${error.toFixed(4)}`);
      console.log(
        `${recipe} ${formatIntervalKey(interval)}: ${streams.join(', ')}; output ${outputError.toFixed(4)}; pictures ${mean(pictures.distance).toFixed(2)}, facts ${percent(shareOfFacts([pictures]))}; ${trained.seconds.toFixed(0)} s`,
      );
    }
  }
  return rows;
}
