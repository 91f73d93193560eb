/** How many ways through the depth are measured in one turn (lib/core/analysis/edit-damage.ts). */
import { type DamageInputs, waysWithin } from '../core/analysis/index.ts';
import { WAYS_PER_READING } from '../core/detection/index.ts';
import { type Transformer, weightsStay } from '../core/model/index.ts';
import type { EngineLimits } from './protocol.ts';

/** States that wait on the engine where nothing limits them. */
const STATES_BYTES = 2 ** 29;

/**
 * As many as have room on the engine. Where weights do not stay there, at most `WAYS_PER_READING`, since the results of one reading
 * come together.
 */
export function waysAtOnce(inputs: DamageInputs, transformer: Transformer, limits: EngineLimits | undefined): number {
  const fitting = waysWithin(limits?.engineBytes ?? STATES_BYTES, inputs, transformer);
  return weightsStay(transformer) ? fitting : Math.min(WAYS_PER_READING, fitting);
}
