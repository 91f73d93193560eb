/** What `contigua distil` is told on its command line, as a run's settings; whatever is left out keeps its default. */
import {
  DEFAULT_CACHE_BYTES,
  DEFAULT_DISTIL,
  DEFAULT_FINE_TUNE,
  DISTIL_BOUNDS,
  DISTIL_LOSSES,
  type DistilSettings,
  defaultLearningRate,
  FINE_TUNE_BOUNDS,
  FINE_TUNED_WEIGHTS,
  type FineTuneSettings,
  NARROW_BOUNDS,
  narrowSettings,
  RUN_BOUNDS,
  type RunSettings,
  SCHEDULES,
  STATE_DTYPES,
  STUDENT_STARTS,
  warmupBounds,
} from '../lib/core/run/index.ts';
import { ENGINE_OPTION, ENGINES, type OptionSpec, type Options, usage } from './arguments.ts';

const text = { type: 'string' } as const;
export const DISTIL_OPTIONS = {
  data: text,
  boundaries: text,
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
  'ema-warm-up': { type: 'boolean' },
  start: text,
  seed: text,
  'narrow-steps': text,
  'narrow-learning-rate': text,
  'fine-tune': text,
  'fine-tune-steps': text,
  'fine-tune-batch': text,
  'fine-tune-learning-rate': text,
  'cache-gb': text,
  'sweep-gb': text,
  states: text,
  ...ENGINE_OPTION,
} satisfies OptionSpec;

const GIBIBYTE = 2 ** 30;
const SWEEP_GIBIBYTES = { min: RUN_BOUNDS.sweepBytes.min / GIBIBYTE, max: RUN_BOUNDS.sweepBytes.max / GIBIBYTE };
const CACHE_GIBIBYTES = { min: RUN_BOUNDS.cacheBytes.min / GIBIBYTE, max: RUN_BOUNDS.cacheBytes.max / GIBIBYTE };

/** Checks everything at once; learning rates that were left out follow from the model's width, which is known later. */
export function settingsFor(args: Options): (width: number) => Omit<RunSettings, 'data'> {
  settingsOf(args, 1);
  return (width) => settingsOf(args, width);
}

function settingsOf(args: Options, width: number): Omit<RunSettings, 'data'> {
  const gigabytes = args.number('cache-gb', DEFAULT_CACHE_BYTES / GIBIBYTE, CACHE_GIBIBYTES);
  const distil = distilOf(args, width);
  return {
    distil,
    ...narrowOf(args, distil),
    fineTune: fineTuneOf(args, distil, width),
    engine: args.oneOf('engine', ENGINES, 'auto'),
    cacheBytes: Math.round(gigabytes * GIBIBYTE),
    ...(args.text('sweep-gb') === undefined
      ? {}
      : { sweepBytes: Math.round(args.number('sweep-gb', 1, SWEEP_GIBIBYTES) * GIBIBYTE) }),
  };
}

function distilOf(args: Options, width: number): DistilSettings {
  const given = DEFAULT_DISTIL;
  const steps = args.number('steps', given.steps, DISTIL_BOUNDS.steps);
  return {
    ...given,
    loss: args.oneOf('loss', DISTIL_LOSSES, given.loss),
    magnitudeWeight: args.number('magnitude-weight', given.magnitudeWeight, DISTIL_BOUNDS.magnitudeWeight),
    start: args.oneOf('start', STUDENT_STARTS, given.start),
    steps,
    batch: args.number('batch', given.batch, DISTIL_BOUNDS.batch),
    accumulation: args.number('accumulation', given.accumulation, DISTIL_BOUNDS.accumulation),
    distinctBatches:
      args.text('distinct-batches') === undefined
        ? given.distinctBatches
        : args.number('distinct-batches', 1, DISTIL_BOUNDS.distinctBatches),
    // Left out where it is the default, so that the run is the one that an earlier version began.
    ...(args.oneOf('states', STATE_DTYPES, 'f32') === 'bf16' ? { stateDType: 'bf16' as const } : {}),
    learningRate: args.number('learning-rate', Math.min(1, defaultLearningRate(width)), DISTIL_BOUNDS.learningRate),
    warmupSteps: args.number('warm-up', warmUpFor(steps, given), warmupBounds(steps)),
    schedule: args.oneOf('schedule', SCHEDULES, given.schedule),
    weightDecay: args.number('weight-decay', given.weightDecay, DISTIL_BOUNDS.weightDecay),
    ...averageOf(args, given),
    seed: args.number('seed', given.seed, DISTIL_BOUNDS.seed),
    ...oftenEnough(steps, given),
  };
}

/** `emaWarmup` is absent where it is off, as in the settings of earlier runs. */
function averageOf(args: Options, { ema }: DistilSettings): Pick<DistilSettings, 'ema' | 'emaWarmup'> {
  const asked = args.text('ema') === undefined ? ema : args.number('ema', 0, DISTIL_BOUNDS.ema);
  if (!args.flag('ema-warm-up')) return { ema: asked };
  if (asked === null) throw usage('distil', '--ema-warm-up needs --ema');
  return { ema: asked, emaWarmup: true };
}

/** Left out where nothing is asked for, so that the run is found again by a command that asks for nothing. */
function narrowOf(args: Options, distil: DistilSettings): Pick<RunSettings, 'narrow'> {
  const asked = (['narrow-steps', 'narrow-learning-rate'] as const).some((name) => args.text(name) !== undefined);
  if (!asked) return {};
  const given = narrowSettings({ distil });
  return {
    narrow: {
      steps: args.number('narrow-steps', given.steps, NARROW_BOUNDS.steps),
      learningRate: args.number('narrow-learning-rate', given.learningRate, NARROW_BOUNDS.learningRate),
    },
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
  const steps = args.number('fine-tune-steps', given.steps, FINE_TUNE_BOUNDS.steps);
  return {
    ...given,
    train: args.oneOf('fine-tune', FINE_TUNED_WEIGHTS, given.train),
    steps,
    batch: args.number('fine-tune-batch', given.batch, FINE_TUNE_BOUNDS.batch),
    learningRate: args.number('fine-tune-learning-rate', Math.min(1, slower), FINE_TUNE_BOUNDS.learningRate),
    warmupSteps: warmUpFor(steps, given),
    seed,
    checkpointEvery: Math.min(given.checkpointEvery, tenthOf(steps)),
  };
}

/** Defaults of earlier versions. */
const FORMER_STEPS = 1000;
const FORMER_FINE_TUNE = { steps: 500, warmupSteps: 25 } as const;

/**
 * What a command that leaves these numbers to their defaults asked for in earlier versions: the command that began an
 * unfinished run still resumes it.
 */
export function formerSettings<
  S extends { readonly distil: DistilSettings; readonly fineTune: FineTuneSettings | null },
>(settings: S, isDefault: { readonly steps: boolean; readonly fineTuneSteps: boolean }): S[] {
  const { distil, fineTune } = settings;
  const students = isDefault.steps ? [distil, { ...distil, steps: FORMER_STEPS }] : [distil];
  const steps = fineTune && (isDefault.fineTuneSteps ? FORMER_FINE_TUNE.steps : fineTune.steps);
  const former = fineTune &&
    steps !== null && {
      ...fineTune,
      steps,
      warmupSteps: warmUpFor(steps, FORMER_FINE_TUNE),
      checkpointEvery: Math.min(DEFAULT_FINE_TUNE.checkpointEvery, tenthOf(steps)),
    };
  const tuned = former ? [former, fineTune] : [fineTune];
  return students.flatMap((one) => tuned.map((other) => ({ ...settings, distil: one, fineTune: other })));
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
