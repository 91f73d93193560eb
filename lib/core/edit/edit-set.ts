/** Edits from outside, checked against the model's depth. */
import { type Depth, intervalSetOf } from '../interval/index.ts';
import type { Edit, EditSet } from './edit.ts';

/** In order of depth; throws `plan-invalid` on the first run that the model cannot have, or on two that share a block. */
export function editSetOf(edits: readonly Edit[], depth: Depth, where: string): EditSet {
  return intervalSetOf(edits, depth, where);
}
