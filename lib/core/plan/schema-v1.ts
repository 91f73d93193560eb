/** plan.json as version 1 wrote it. Never edited. */
import * as z from 'zod/mini';
import { calibrationV1 } from '../report/schema-v1.ts';

const block = z.int().check(z.minimum(0));
const measured = z.nullable(z.number());
const beforeAfter = z.object({ before: block, after: block });

export const planV1 = z.object({
  $schema: z.literal('urn:contigua:plan:v1'),
  version: z.literal(1),
  createdWith: z.string(),
  createdAt: z.optional(z.iso.datetime({ offset: true, error: 'a date and time in ISO 8601' })),
  model: z.object({
    name: z.string(),
    fingerprint: z.string().check(z.regex(/^sha256:[0-9a-f]{64}$/, { error: '"sha256:" and 64 hexadecimal digits' })),
    className: z.string(),
    family: z.string(),
    numBlocks: z.int().check(z.minimum(1)),
    seams: z.optional(z.array(block)),
  }),
  replacement: z.enum(['removed', 'probes', 'students']),
  intervals: z.array(z.object({ first: block, last: block, cka: measured, removedError: measured })),
  blocks: beforeAfter,
  parameters: beforeAfter,
  blockMap: z.array(z.object({ old: block, new: z.nullable(block), fate: z.enum(['kept', 'replaced', 'removed']) })),
  calibration: z.nullable(calibrationV1),
  settings: z.nullable(
    z.object({
      estimator: z.enum(['debiased', 'biased']),
      start: z.enum(['block-u', 'probe-u']),
      target: z.enum(['teacher-after-k', 'teacher-after-u']),
      streams: z.enum(['mean', 'image', 'text']),
      ridge: z.number(),
      heldOutShare: z.number(),
    }),
  ),
});
export type PlanV1 = z.infer<typeof planV1>;
