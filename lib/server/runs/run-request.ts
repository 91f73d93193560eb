/**
 * What a request for a run may ask: every number finite and bounded, every name one of those that exist. The bounds
 * keep a typing error from queueing a year of work; they say nothing about what trains well.
 */
import { z } from 'zod';
import { ContiguaError } from '../../core/errors.ts';
import { type Plan, parsePlan } from '../../core/plan/index.ts';
import { elided } from '../../core/printable.ts';
import {
  DISTIL_LOSSES,
  type DistilSettings,
  type FineTuneSettings,
  MAX_RUN_NAME,
  type OptimizerSettings,
  type RunSettings,
  STUDENT_STARTS,
  type TrainingData,
} from '../../core/run/index.ts';
import { WANTED_ENGINES } from '../../core/tensor/engine.ts';
import type { RunRequest } from '../backend.ts';

const MAX_STEPS = 1_000_000;
const MAX_BATCH = 4096;
const MAX_CACHE_BYTES = 2 ** 44;

const steps = z.int().min(1).max(MAX_STEPS);
const batch = z.int().min(1).max(MAX_BATCH);
const seed = z
  .int()
  .min(0)
  .max(2 ** 32 - 1);
const decay = z.number().min(0).lt(1);

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
  learningRate: z.number().positive().max(1),
  warmupSteps: z.int().min(0).max(MAX_STEPS),
  schedule: z.enum(['cosine', 'constant']),
  beta1: decay,
  beta2: decay,
  epsilon: z.number().positive().max(1),
  weightDecay: z.number().min(0).max(10),
  clipNorm: z.number().positive().max(1e6).nullable(),
  ema: decay.nullable(),
} satisfies { [K in keyof OptimizerSettings]: z.ZodType<OptimizerSettings[K]> };

const WARM_UP = { path: ['warmupSteps'], error: 'no more steps of warm-up than steps' };
const warmsUpInTime = (settings: { warmupSteps: number; steps: number }) => settings.warmupSteps <= settings.steps;

export const distilSettings = z
  .object({
    ...optimizer,
    loss: z.enum(DISTIL_LOSSES),
    magnitudeWeight: z.number().min(0).max(1000),
    start: z.enum(STUDENT_STARTS),
    steps,
    batch,
    accumulation: z.int().min(1).max(1024),
    distinctBatches: z.int().min(1).max(MAX_STEPS).nullable(),
    seed,
    heldOutSamples: z.int().min(1).max(MAX_BATCH),
    heldOutEvery: steps,
    checkpointEvery: steps,
  })
  .refine(warmsUpInTime, WARM_UP) satisfies z.ZodType<DistilSettings>;

export const fineTuneSettings = z
  .object({ ...optimizer, train: z.enum(['students', 'all']), steps, batch, seed, checkpointEvery: steps })
  .refine(warmsUpInTime, WARM_UP) satisfies z.ZodType<FineTuneSettings>;

const trainingData = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('shapes') }),
  z.object({ kind: z.literal('file'), path: pathId }),
  z.object({ kind: z.literal('synthetic') }),
]) satisfies z.ZodType<TrainingData>;

export const runSettings = z.object({
  data: trainingData,
  distil: distilSettings,
  fineTune: fineTuneSettings.nullable(),
  engine: z.enum(WANTED_ENGINES),
  cacheBytes: z.int().min(0).max(MAX_CACHE_BYTES),
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
