/** The published JSON Schema of plan.json (draft 2020-12), written from the one that the reader checks. Not for the page. */
import * as z from 'zod/mini';
import { PLAN_SCHEMA_ID } from './plan.ts';
import { planSchema } from './schema.ts';

export function planJsonSchema(): unknown {
  const title = 'Contigua pruning plan';
  const description =
    'Which contiguous blocks of a diffusion transformer to take out, which to make narrower, and what that makes of every block.';
  return { $id: PLAN_SCHEMA_ID, title, description, ...z.toJSONSchema(planSchema, { io: 'input' }) };
}
