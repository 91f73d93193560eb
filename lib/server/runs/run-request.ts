/**
 * What a request for a run may ask: every number finite and within its bounds (lib/core/run/bounds.ts), every name one of
 * those that exist.
 */
import { z } from 'zod';
import { ContiguaError } from '../../core/errors.ts';
import { isInRange, type NumberRange, rangeWords } from '../../core/number-range.ts';
import { type Plan, parsePlan } from '../../core/plan/index.ts';
import { elided } from '../../core/printable.ts';
import {
  DISTIL_BOUNDS,
  DISTIL_LOSSES,
  type DistilSettings,
  FINE_TUNE_BOUNDS,
  FINE_TUNED_WEIGHTS,
  type FineTuneSettings,
  MAX_RUN_NAME,
  NARROW_BOUNDS,
  type NarrowSettings,
  type OptimizerSettings,
  RUN_BOUNDS,
  type RunSettings,
  SCHEDULES,
  STATE_DTYPES,
  STUDENT_STARTS,
  type TrainingData,
} from '../../core/run/index.ts';
import { NODE_ENGINES } from '../../core/tensor/engine.ts';
import type { RunRequest } from '../backend.ts';

function numberIn(range: NumberRange) {
  const kind = range.whole ? 'a whole number, ' : '';
  return z.number().refine((value) => isInRange(value, range), kind + rangeWords(range));
}

/** "<root>/<path>", with forward slashes; what it names is looked up under the roots when it is used. */
export const pathId = z
  .string()
  .min(1)
  .max(1024)
  .refine((id) => isPlainPath(id), 'a name below one of the model roots, without `..`');

function isPlainPath(id: string): boolean {
  const isControl = [...id].some((character) => character < ' ' || character === '\u007f');
  return (
    !isControl && !id.includes('\\') && id.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  );
}

const optimizer = {
  learningRate: numberIn(DISTIL_BOUNDS.learningRate),
  warmupSteps: numberIn(DISTIL_BOUNDS.warmupSteps),
  schedule: z.enum(SCHEDULES),
  beta1: numberIn(DISTIL_BOUNDS.beta1),
  beta2: numberIn(DISTIL_BOUNDS.beta2),
  epsilon: numberIn(DISTIL_BOUNDS.epsilon),
  weightDecay: numberIn(DISTIL_BOUNDS.weightDecay),
  clipNorm: numberIn(DISTIL_BOUNDS.clipNorm).nullable(),
  ema: numberIn(DISTIL_BOUNDS.ema).nullable(),
  emaWarmup: z.boolean().optional(),
} satisfies { [K in keyof OptimizerSettings]: z.ZodType<OptimizerSettings[K]> };

const WARM_UP = { path: ['warmupSteps'], error: 'at most as many warm-up steps as steps' };
const warmsUpInTime = (settings: { warmupSteps: number; steps: number }) => settings.warmupSteps <= settings.steps;

export const distilSettings = z
  .object({
    ...optimizer,
    loss: z.enum(DISTIL_LOSSES),
    magnitudeWeight: numberIn(DISTIL_BOUNDS.magnitudeWeight),
    start: z.enum(STUDENT_STARTS),
    steps: numberIn(DISTIL_BOUNDS.steps),
    batch: numberIn(DISTIL_BOUNDS.batch),
    accumulation: numberIn(DISTIL_BOUNDS.accumulation),
    distinctBatches: numberIn(DISTIL_BOUNDS.distinctBatches).nullable(),
    stateDType: z.enum(STATE_DTYPES).optional(),
    seed: numberIn(DISTIL_BOUNDS.seed),
    heldOutSamples: numberIn(DISTIL_BOUNDS.heldOutSamples),
    heldOutEvery: numberIn(DISTIL_BOUNDS.heldOutEvery),
    checkpointEvery: numberIn(DISTIL_BOUNDS.checkpointEvery),
  })
  .refine(warmsUpInTime, WARM_UP) satisfies z.ZodType<DistilSettings>;

export const fineTuneSettings = z
  .object({
    ...optimizer,
    train: z.enum(FINE_TUNED_WEIGHTS),
    steps: numberIn(FINE_TUNE_BOUNDS.steps),
    batch: numberIn(FINE_TUNE_BOUNDS.batch),
    seed: numberIn(FINE_TUNE_BOUNDS.seed),
    checkpointEvery: numberIn(FINE_TUNE_BOUNDS.checkpointEvery),
  })
  .refine(warmsUpInTime, WARM_UP) satisfies z.ZodType<FineTuneSettings>;

const trainingData = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('shapes'), levels: z.literal('uniform').optional() }),
  z.object({
    kind: z.literal('file'),
    path: pathId,
    heldOutBy: z.literal('prompt-groups').optional(),
    boundaries: pathId.optional(),
  }),
  z.object({ kind: z.literal('synthetic') }),
]) satisfies z.ZodType<TrainingData>;

const narrow = z.object({
  steps: numberIn(NARROW_BOUNDS.steps),
  learningRate: numberIn(NARROW_BOUNDS.learningRate),
}) satisfies z.ZodType<NarrowSettings>;

export const runSettings = z.object({
  data: trainingData,
  distil: distilSettings,
  narrow: narrow.optional(),
  fineTune: fineTuneSettings.nullable(),
  engine: z.enum(NODE_ENGINES),
  cacheBytes: numberIn(RUN_BOUNDS.cacheBytes),
  sweepBytes: numberIn(RUN_BOUNDS.sweepBytes).optional(),
}) satisfies z.ZodType<RunSettings>;

/** The plan's own reader, which takes every version of the format and names the place of a fault as it does for a file; throws `plan-invalid`. */
const plan = z.custom<Plan>().transform((value): Plan => parsePlan(JSON.stringify(value ?? null), 'plan.json'));

/** Control characters, line and paragraph separators, halves of pairs, and what reverses the reading order. */
const UNREADABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]/u;
export const runName = z
  .string()
  .trim()
  .min(1)
  .max(MAX_RUN_NAME, `a name of at most ${MAX_RUN_NAME} characters`)
  .refine((name) => !UNREADABLE.test(name), 'a name without control characters or invisible ones');

export const runRequest = z.object({
  name: runName.optional(),
  modelId: pathId,
  plan,
  settings: runSettings,
}) satisfies z.ZodType<RunRequest>;

/** For callers without a router, such as the terminal; throws `settings-invalid`. */
export function assertRunName(name: string | undefined): void {
  const checked = runName.optional().safeParse(name);
  if (checked.success) return;
  throw new ContiguaError('settings-invalid', 'This cannot be the name of a run', {
    found: name && elided(name, 80),
    expected: checked.error.issues[0]?.message,
  });
}
