/**
 * The schema of plan.json, the single source of both the reader's checks and the published JSON Schema. What it cannot
 * say (intervals do not overlap, the map follows from them) parse-plan.ts checks.
 */
import * as z from 'zod';
import { calibrationSchema } from '../report/index.ts';
import {
  type BeforeAfter,
  type BlockMapEntry,
  PLAN_SCHEMA_ID,
  PLAN_VERSION,
  type Plan,
  type PlannedInterval,
  type PlanSettings,
} from './plan.ts';

const block = z.int().min(0);
const beforeAfter = z.object({ before: z.int().min(0), after: z.int().min(0) }) satisfies z.ZodType<BeforeAfter>;

const intervalSchema = z.object({
  first: block.describe('First block, 0-based; it stays and stands for the whole interval.'),
  last: block.describe('Last block, inclusive.'),
  cka: z
    .number()
    .nullable()
    .describe("The surrogate's similarity cka(first, last) under `settings`; null where not measured."),
  removedError: z
    .number()
    .nullable()
    .describe('Relative output error on held-out samples with blocks first+1..last removed; null where not measured.'),
}) satisfies z.ZodType<PlannedInterval>;

const blockMapEntrySchema = z.object({
  old: block.describe('Index in the whole model.'),
  new: block.nullable().describe('Index in the pruned model; null when the block goes.'),
  fate: z
    .enum(['kept', 'replaced', 'removed'])
    .describe(
      'kept: untouched; replaced: first of an interval, stands for all of it; removed: the rest of an interval.',
    ),
}) satisfies z.ZodType<BlockMapEntry>;

const settingsSchema = z.object({
  estimator: z.enum(['debiased', 'biased']).describe('Estimator of linear CKA.'),
  start: z.enum(['block-u', 'probe-u']).describe('Whether the first block itself runs in the surrogate, or its probe.'),
  target: z.enum(['teacher-after-k', 'teacher-after-u']).describe('Which state of the whole model is compared with.'),
  streams: z.enum(['mean', 'image', 'text']).describe('Stream that decides.'),
  ridge: z.number().describe('Relative ridge of the probes.'),
  heldOutShare: z.number().describe('Share of the samples that probes are judged on.'),
}) satisfies z.ZodType<PlanSettings>;

export const planSchema = z
  .object({
    $schema: z.literal(PLAN_SCHEMA_ID),
    version: z.literal(PLAN_VERSION),
    createdWith: z.string().describe('Product and version that wrote the plan.'),
    createdAt: z.iso.datetime({ offset: true }).optional(),
    model: z.object({
      name: z.string(),
      fingerprint: z
        .string()
        .regex(/^sha256:[0-9a-f]{64}$/, { error: '"sha256:" and 64 hexadecimal digits' })
        .describe('Over the tensor inventory and a few small tensors; the same however the files are named or split.'),
      className: z.string().describe('`_class_name` of the diffusers config.'),
      family: z.string(),
      numBlocks: z.int().min(1),
    }),
    replacement: z
      .enum(['removed', 'probes'])
      .describe('What stands in for blocks first+1..last: nothing, or their linear probes.'),
    intervals: z.array(intervalSchema).describe('In order of depth, without overlap, two blocks or more each.'),
    blocks: beforeAfter,
    parameters: beforeAfter.describe('Of the whole transformer; `after` counts the probes where they stand in.'),
    blockMap: z.array(blockMapEntrySchema).describe('One entry per block of the whole model, in order.'),
    calibration: calibrationSchema
      .nullable()
      .describe('What the similarities were measured on; null without analysis.'),
    settings: settingsSchema.nullable().describe('How they were measured; null without analysis.'),
  })
  .meta({
    title: 'Contigua pruning plan',
    description: 'Which contiguous blocks of a diffusion transformer to take out, and what that makes of every block.',
  }) satisfies z.ZodType<Plan>;

/** The published JSON Schema (draft 2020-12). */
export function planJsonSchema(): unknown {
  return { $id: PLAN_SCHEMA_ID, ...z.toJSONSchema(planSchema, { io: 'input' }) };
}
