/** What `contigua distil` is told on its command line, as a run's settings; whatever is left out keeps its default. */
import {
  DEFAULT_CACHE_BYTES,
  DEFAULT_DISTIL,
  DEFAULT_FINE_TUNE,
  DISTIL_LOSSES,
  type DistilSettings,
  defaultLearningRate,
  type FineTuneSettings,
  type RunSettings,
  STUDENT_STARTS,
} from '../lib/core/run/index.ts';
import { ENGINE_OPTION, ENGINES, type OptionSpec, type Options, usage } from './arguments.ts';

const text = { type: 'string' } as const;
export const DISTIL_OPTIONS = {
  data: text,
  steps: text,
  batch: text,
  accumulation: text,
  'distinct-batches': text,
  loss: text,
  'magnitude-weight': text,
  'learning-rate': text,
  'warm-up': text,
  schedule: text,
  'weight-decay': text,
  ema: text,
  start: text,
  seed: text,
  'fine-tune': text,
  'fine-tune-steps': text,
  'fine-tune-batch': text,
  'fine-tune-learning-rate': text,
  'cache-gb': text,
  ...ENGINE_OPTION,
} satisfies OptionSpec;

const MAX_STEPS = 1_000_000;
const MAX_BATCH = 4096;
const MAX_SEED = 2 ** 32 - 1;
const SCHEDULES = ['cosine', 'constant'] as const;
const TRAINED = ['students', 'all'] as const;

/** Checks everything at once; learning rates that were left out follow from the model's width, which is known later. */
export function settingsFor(args: Options): (width: number) => Omit<RunSettings, 'data'> {
  settingsOf(args, 1);
  return (width) => settingsOf(args, width);
}

function settingsOf(args: Options, width: number): Omit<RunSettings, 'data'> {
  const gigabytes = args.number('cache-gb', DEFAULT_CACHE_BYTES / 2 ** 30, -1e-9, 2 ** 14);
  const distil = distilOf(args, width);
  return {
    distil,
    fineTune: fineTuneOf(args, distil, width),
    engine: args.oneOf('engine', ENGINES, 'auto'),
    cacheBytes: Math.max(0, Math.round(gigabytes * 2 ** 30)),
  };
}

function distilOf(args: Options, width: number): DistilSettings {
  const given = DEFAULT_DISTIL;
  const steps = args.count('steps', given.steps, 1, MAX_STEPS);
  return {
    ...given,
    loss: args.oneOf('loss', DISTIL_LOSSES, given.loss),
    magnitudeWeight: args.number('magnitude-weight', given.magnitudeWeight, -1e-9, 1000),
    start: args.oneOf('start', STUDENT_STARTS, given.start),
    steps,
    batch: args.count('batch', given.batch, 1, MAX_BATCH),
    accumulation: args.count('accumulation', given.accumulation, 1, 1024),
    distinctBatches:
      args.text('distinct-batches') === undefined
        ? given.distinctBatches
        : args.count('distinct-batches', 1, 1, MAX_STEPS),
    learningRate: args.number('learning-rate', Math.min(1, defaultLearningRate(width)), 0, 1),
    warmupSteps: args.count('warm-up', warmUpFor(steps, given), 0, steps),
    schedule: args.oneOf('schedule', SCHEDULES, given.schedule),
    weightDecay: args.number('weight-decay', given.weightDecay, -1e-9, 10),
    ema: args.text('ema') === undefined ? given.ema : args.number('ema', 0, 0, 1 - 1e-9),
    seed: args.count('seed', given.seed, 0, MAX_SEED),
    ...oftenEnough(steps, given),
  };
}

function fineTuneOf(args: Options, { seed }: DistilSettings, width: number): FineTuneSettings | null {
  const wanted = args.text('fine-tune');
  if (wanted === undefined) {
    const surplus = (['fine-tune-steps', 'fine-tune-batch', 'fine-tune-learning-rate'] as const).find(
      (name) => args.text(name) !== undefined,
    );
    if (surplus) throw usage('distil', `--${surplus} needs --fine-tune`);
    return null;
  }
  const given = DEFAULT_FINE_TUNE;
  // As much slower than the students as the sample model's.
  const slower = defaultLearningRate(width) * (given.learningRate / DEFAULT_DISTIL.learningRate);
  const steps = args.count('fine-tune-steps', given.steps, 1, MAX_STEPS);
  return {
    ...given,
    train: args.oneOf('fine-tune', TRAINED, given.train),
    steps,
    batch: args.count('fine-tune-batch', given.batch, 1, MAX_BATCH),
    learningRate: args.number('fine-tune-learning-rate', Math.min(1, slower), 0, 1),
    warmupSteps: warmUpFor(steps, given),
    seed,
    checkpointEvery: Math.min(given.checkpointEvery, tenthOf(steps)),
  };
}

/** The default's share of the steps where they are fewer than the default. */
function warmUpFor(steps: number, given: { readonly steps: number; readonly warmupSteps: number }): number {
  return Math.min(given.warmupSteps, Math.round((steps * given.warmupSteps) / given.steps));
}

/** Ten times in a short run, so that a pause or a crash costs no more than a tenth of it. */
function oftenEnough(steps: number, { heldOutEvery, checkpointEvery }: DistilSettings) {
  const tenth = tenthOf(steps);
  return { heldOutEvery: Math.min(heldOutEvery, tenth), checkpointEvery: Math.min(checkpointEvery, tenth) };
}

function tenthOf(steps: number): number {
  return Math.ceil(steps / 10);
}
