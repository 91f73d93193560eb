/** Rows of the tables as typed values: every one that is read is parsed here, JSON columns included. */
import { z } from 'zod';
import { type Edit, runEdit, type WidthEdit } from '../../core/edit/index.ts';
import { runPlanOf } from '../../core/plan/index.ts';
import { planSchema, widthEditSchema } from '../../core/plan/schema.ts';
import type {
  Baselines,
  DescribedModel,
  HeldOutPoint,
  JobState,
  JobWorker,
  ModelCosts,
  RunEvent,
  StandInError,
  StepPoint,
} from '../../core/run/index.ts';
import { runSettings } from './run-request.ts';

export const jobState = z.enum([
  'queued',
  'running',
  'paused',
  'done',
  'failed',
  'cancelled',
]) satisfies z.ZodType<JobState>;

const streamError = z.object({ direction: z.number(), magnitude: z.number(), relative: z.number() });
/** By stream of the model. */
const standInError = z.record(z.string(), streamError.nullable()) satisfies z.ZodType<StandInError>;
const baselines = z.object({
  firstBlock: standInError,
  probes: standInError,
  removal: standInError,
}) satisfies z.ZodType<Baselines>;
const heldOut = z.object({ step: z.int(), student: standInError }) satisfies z.ZodType<HeldOutPoint>;

const jobWorker = z.object({
  id: z.string(),
  engine: z.string(),
  device: z.string(),
  why: z.string(),
}) satisfies z.ZodType<JobWorker>;

export const artifact = z.object({ key: z.string(), sizeBytes: z.number(), sha256: z.string() });

/** Which students a measurement plugs in. */
export const subsetChoice = z.object({ plugged: z.array(z.string()), fineTuned: z.boolean() });
export type SubsetChoice = z.infer<typeof subsetChoice>;

export const jobRow = z
  .object({
    id: z.int(),
    run_id: z.string(),
    key: z.string(),
    kind: z.enum(['student', 'maps', 'modulations', 'fine-tune', 'measure']),
    first_block: z.int().nullable(),
    last_block: z.int().nullable(),
    narrow: z.array(z.custom<WidthEdit>((value) => typeof value === 'object')),
    kept: z.enum(['trained', 'start']).nullable(),
    fit_error: z.number().nullable(),
    choice: subsetChoice.nullable(),
    state: jobState,
    attempt: z.int(),
    losses: z.int(),
    pausing: z.boolean(),
    step: z.int(),
    steps: z.int(),
    checkpoint_step: z.int(),
    worker: jobWorker.nullable(),
    steps_per_second: z.number().nullable(),
    baselines: baselines.nullable(),
    start_block: z.int().nullable(),
    held_out: z.array(heldOut),
    error: z.string().nullable(),
    note: z.string().nullable(),
    student: artifact.nullable(),
  })
  .transform(
    ({
      run_id,
      first_block,
      last_block,
      steps_per_second,
      start_block,
      held_out,
      checkpoint_step,
      fit_error,
      ...row
    }) => ({
      ...row,
      ...editsOf(first_block, last_block, row.narrow),
      runId: run_id,
      fitError: fit_error,
      checkpointStep: checkpoint_step,
      stepsPerSecond: steps_per_second,
      startBlock: start_block,
      heldOut: held_out,
    }),
  );
export type JobRow = z.infer<typeof jobRow>;

/** `edit` is what its student does to the model, null for a job that trains none; `edits` are all that the job is of. */
function editsOf(first: number | null, last: number | null, narrow: readonly WidthEdit[]) {
  const edit = first === null || last === null ? null : runEdit({ first, last }, 'student');
  const edits: readonly Edit[] = edit ? [edit] : narrow;
  return { edit, edits };
}

const runModel = z.object({
  name: z.string(),
  fingerprint: z.string(),
  numBlocks: z.int(),
  parameters: z.number(),
  costs: z.object({
    blockParameters: z.array(z.number()),
    flopsPerForward: z.number(),
    flopsPerBlock: z.array(z.number()),
    parametersAtEnd: z.optional(z.array(z.number())),
    flopsAtEnd: z.optional(z.array(z.number())),
  }) satisfies z.ZodType<ModelCosts>,
  drawable: z.boolean(),
  described: z
    .object({ config: z.record(z.string(), z.unknown()), tokensPerForward: z.record(z.string(), z.number()) })
    .optional() satisfies z.ZodType<DescribedModel | undefined>,
});

export const runRow = z
  .object({
    id: z.string(),
    name: z.string(),
    created_at: z.date(),
    model_id: z.string(),
    model: runModel,
    plan: planSchema,
    narrow: z.array(widthEditSchema),
    settings: runSettings,
    state: jobState,
    last_event: z.int(),
  })
  .transform(({ created_at, model_id, last_event, plan, ...row }) => ({
    ...row,
    plan: runPlanOf(plan, 'Training', `the stored plan of run ${row.id}`),
    createdAt: created_at.toISOString(),
    modelId: model_id,
    lastEventId: last_event,
  }));
export type RunRow = z.infer<typeof runRow>;

/** bigint columns come as text from one driver and as a number from the other. */
const bytes = z.union([z.number(), z.string(), z.bigint()]).transform(Number);

export const checkpointRow = z
  .object({
    step: z.int(),
    attempt: z.int(),
    key: z.string(),
    size_bytes: bytes,
    sha256: z.string(),
    engine: z.string(),
  })
  .transform(({ size_bytes, key, sha256, ...row }) => ({ ...row, artifact: { key, sizeBytes: size_bytes, sha256 } }));
export type CheckpointRow = z.infer<typeof checkpointRow>;

export const pointRow = z
  .object({
    step: z.int(),
    losses: z.record(z.string(), z.number()),
    gradient_norm: z.number(),
    learning_rate: z.number(),
    duration_ms: z.number(),
  })
  .transform(
    ({ step, losses, gradient_norm, learning_rate, duration_ms }): StepPoint => ({
      step,
      losses,
      gradientNorm: gradient_norm,
      learningRate: learning_rate,
      durationMs: duration_ms,
    }),
  );

/** Written by this server alone and handed on unread; its shape is checked where it is made. */
export const eventRow = z.object({ id: z.int(), event: z.custom<RunEvent>((value) => typeof value === 'object') });

export const engineReport = z.object({
  name: z.string(),
  device: z.string(),
  threads: z.number().nullable(),
  why: z.string(),
  candidates: z.array(
    z.object({
      name: z.string(),
      available: z.boolean(),
      device: z.string(),
      reason: z.string(),
      preferred: z.boolean(),
    }),
  ),
});
