/**
 * The schema of plan.json, the single source of both the reader's checks and the published JSON Schema. What it cannot
 * say (runs do not overlap, the map follows from them) parse-plan.ts checks.
 */
import * as z from 'zod/mini';
import { RUN_REPLACEMENTS } from '../edit/index.ts';
import {
  boundsSchema,
  calibrationSchema,
  reportSettingsSchema,
  splitSchema,
  stackSchema,
  streamSpecSchema,
} from '../report/index.ts';
import {
  type BeforeAfter,
  type BlockMapEntry,
  type ChoiceFigures,
  type CountedFacts,
  PLAN_SCHEMA_ID,
  PLAN_VERSION,
  type Plan,
  type PlannedEdit,
  type PlannedRun,
  type PlannedWidthEdit,
  type PlanSettings,
} from './plan.ts';

const whole = z.int().check(z.minimum(0));
const measured = z.nullable(z.number());
const beforeAfter = z.object({
  before: whole,
  after: whole,
}) satisfies z.ZodMiniType<BeforeAfter>;

/** The same schema with a sentence for the published one. */
function told<T extends z.ZodMiniType>(schema: T, description: string): T {
  return schema.check(z.describe(description));
}

const bootstrapped = 'Of `outputError`: a 95 % bootstrap over prompts';

const runSchema = z.object({
  on: told(z.literal('run'), 'A contiguous run of blocks.'),
  first: told(whole, 'First block, 0-based.'),
  last: told(whole, 'Last block, inclusive.'),
  by: told(
    z.enum(RUN_REPLACEMENTS),
    'What stands in for blocks first+1..last: nothing, their linear probes, one linear map, or a student trained for the whole run, which takes the place of block first too.',
  ),
  cka: told(measured, "The surrogate's similarity cka(first, last) under `settings`; null where not measured."),
  removedError: told(
    measured,
    'Relative output error on held-out samples with blocks first+1..last removed; null where not measured.',
  ),
  outputError: told(measured, 'The same with what the edit puts in their place; null where not measured.'),
  outputErrorBounds: z.optional(told(boundsSchema, `${bootstrapped}; left out where none was drawn.`)),
  foundIn: z.optional(
    told(
      z.number().check(z.minimum(0), z.maximum(1)),
      "Share of the resamples of the analysis' prompts in which the rule detects this very run under `settings`; left out where none were drawn.",
    ),
  ),
}) satisfies z.ZodMiniType<PlannedRun>;

const measuredOfWidth = {
  fitError: told(
    measured,
    'Error of the least-squares start on held-out samples, relative to what it stands for; null where none was fitted.',
  ),
  outputError: told(
    measured,
    'Relative output error on held-out samples with the edit in place; null where not measured.',
  ),
  outputErrorBounds: z.optional(told(boundsSchema, `${bootstrapped}; left out where none was drawn.`)),
};

const textStreamSchema = z.object({
  on: told(z.literal('text-stream'), 'A group of blocks whose text stream is updated once.'),
  first: told(
    whole,
    'The block that runs whole, 0-based; the others of the group attend to projections of its modulated text.',
  ),
  last: told(whole, 'Last block, inclusive; one more projector gives the text state after it.'),
  by: z.literal('projectors'),
  ...measuredOfWidth,
});

const ffnSchema = z.object({
  on: told(z.literal('ffn'), 'The feed-forward layers of one stream in one block, with norm, modulation and gate.'),
  block: told(whole, '0-based.'),
  stream: told(z.string(), 'Id of the stream.'),
  by: told(z.literal('linear'), 'A linear residual map.'),
  ...measuredOfWidth,
});

const modulationSchema = z.object({
  on: told(z.literal('modulation'), 'The modulation matrices of blocks.'),
  blocks: told(z.union([z.literal('all'), z.array(whole)]), 'Ascending; `all` is every block that stays.'),
  by: told(
    z.union([
      z.strictObject({ rank: told(z.int().check(z.minimum(1)), 'Vectors of the basis that the matrices share.') }),
      z.strictObject({
        table: told(z.array(z.number()), "Values of diffusers' `timestep`, for each of which they are stored."),
      }),
    ]),
    'One shared basis, or a table over the timesteps of a fixed schedule.',
  ),
  ...measuredOfWidth,
});

/** Edits that make blocks narrower, with what a plan knows of them. */
export const widthEditSchema = z.discriminatedUnion('on', [
  textStreamSchema,
  ffnSchema,
  modulationSchema,
]) satisfies z.ZodMiniType<PlannedWidthEdit>;

const editSchema = z.discriminatedUnion('on', [
  runSchema,
  textStreamSchema,
  ffnSchema,
  modulationSchema,
]) satisfies z.ZodMiniType<PlannedEdit>;

const factsSchema = z.object({
  held: whole,
  total: whole,
  pictures: told(whole, 'Captions drawn, one picture each.'),
  bounds: told(boundsSchema, "Wilson's 95 % interval of `held` of `total`."),
}) satisfies z.ZodMiniType<CountedFacts>;

const choiceSchema = z.object({
  estimatedError: told(
    measured,
    'An estimate of `outputError` from that of each edit alone: the root of the sum of their squares (versions 1 and 2: their sum); null where one of them was not measured.',
  ),
  outputError: told(
    measured,
    'Relative output error on held-out samples with all edits in place; null where it was not measured, or overflows.',
  ),
  outputErrorBounds: told(z.nullable(boundsSchema), `${bootstrapped}; null where none was drawn.`),
  facts: told(
    z.nullable(factsSchema),
    'Facts of held-out captions that a checker finds in the pictures that the edited model draws; null where none was drawn.',
  ),
  measuredOn: z.optional(told(z.string(), 'What `outputError` was measured on; left out where that is `calibration`.')),
}) satisfies z.ZodMiniType<ChoiceFigures>;

const blockMapEntrySchema = z.object({
  old: told(whole, 'Index in the whole model.'),
  new: told(z.nullable(whole), 'Index in the pruned model; null when the block goes.'),
  fate: told(
    z.enum(['kept', 'narrowed', 'replaced', 'removed']),
    'kept: untouched; narrowed: stays, with less in it; replaced: first of a run, stands for all of it, narrowed or not; removed: the rest of a run.',
  ),
}) satisfies z.ZodMiniType<BlockMapEntry>;

const settingsSchema = z.object({
  rows: told(
    z.enum(['held-out', 'all']),
    'Tokens that similarities were taken over: those that no probe was fitted on, or all of them.',
  ),
  estimator: told(z.enum(['debiased', 'biased']), 'Estimator of linear CKA.'),
  start: told(z.enum(['block-u', 'probe-u']), 'Whether the first block itself runs in the surrogate, or its probe.'),
  target: told(z.enum(['teacher-after-k', 'teacher-after-u']), 'Which state of the whole model is compared with.'),
  streams: told(z.string(), 'Stream that decides, or `mean` for the mean of all.'),
  ...reportSettingsSchema.shape,
  split: told(splitSchema, 'Which samples probes were fitted on and which they were judged on.'),
}) satisfies z.ZodMiniType<PlanSettings>;

export const planSchema = z.object({
  $schema: z.literal(PLAN_SCHEMA_ID),
  version: z.literal(PLAN_VERSION),
  createdWith: told(z.string(), 'Product and version that wrote the plan.'),
  createdAt: z.optional(z.iso.datetime({ offset: true, error: 'a date and time in ISO 8601' })),
  model: z.object({
    name: z.string(),
    fingerprint: told(
      z.string().check(z.regex(/^sha256:[0-9a-f]{64}$/, { error: '"sha256:" and 64 hexadecimal digits' })),
      'Over the config, the tensor inventory and a few small tensors; the same however the files are named or split.',
    ),
    className: told(z.string(), '`_class_name` of the diffusers config.'),
    family: z.string(),
    numBlocks: z.int().check(z.minimum(1)),
    streams: told(z.array(streamSpecSchema), 'Streams of tokens that run through the depth.'),
    stacks: told(
      z.array(stackSchema),
      'Consecutive blocks of one kind, in the order in which they run; no run of blocks crosses from one into the next.',
    ),
  }),
  edits: told(
    z.array(editSchema),
    'In order of depth, without clashes; runs and text groups are of two blocks or more each.',
  ),
  choice: z.optional(told(choiceSchema, 'What all edits cost together; left out where nothing is known of it.')),
  blocks: beforeAfter,
  parameters: told(
    beforeAfter,
    'Of the whole transformer; `after` counts the probes and linear maps that replace blocks.',
  ),
  blockMap: told(z.array(blockMapEntrySchema), 'One entry per block of the whole model, in order.'),
  calibration: told(z.nullable(calibrationSchema), 'What the similarities were measured on; null without analysis.'),
  settings: told(z.nullable(settingsSchema), 'How they were measured; null without analysis.'),
}) satisfies z.ZodMiniType<Plan>;
