/** plan.json as version 2 wrote it. Never edited. */
import * as z from 'zod/mini';
import { calibrationV2, reportSettingsV2, stackV2, streamSpecV2 } from '../report/schema-v2.ts';

const block = z.int().check(z.minimum(0));
const measured = z.nullable(z.number());
const beforeAfter = z.object({ before: block, after: block });

export const planV2 = z.object({
  $schema: z.literal('urn:contigua:plan:v2'),
  version: z.literal(2),
  createdWith: z.string(),
  createdAt: z.optional(z.iso.datetime({ offset: true, error: 'a date and time in ISO 8601' })),
  model: z.object({
    name: z.string(),
    fingerprint: z.string().check(z.regex(/^sha256:[0-9a-f]{64}$/, { error: '"sha256:" and 64 hexadecimal digits' })),
    className: z.string(),
    family: z.string(),
    numBlocks: z.int().check(z.minimum(1)),
    streams: z.array(streamSpecV2),
    stacks: z.array(stackV2),
  }),
  edits: z.array(
    z.object({
      on: z.literal('run'),
      first: block,
      last: block,
      by: z.enum(['nothing', 'probes', 'student']),
      cka: measured,
      removedError: measured,
      outputError: measured,
    }),
  ),
  blocks: beforeAfter,
  parameters: beforeAfter,
  blockMap: z.array(z.object({ old: block, new: z.nullable(block), fate: z.enum(['kept', 'replaced', 'removed']) })),
  calibration: z.nullable(calibrationV2),
  settings: z.nullable(
    z.object({
      estimator: z.enum(['debiased', 'biased']),
      start: z.enum(['block-u', 'probe-u']),
      target: z.enum(['teacher-after-k', 'teacher-after-u']),
      streams: z.string(),
      ...reportSettingsV2.shape,
    }),
  ),
});
export type PlanV2 = z.infer<typeof planV2>;
