/** How many ways through the depth are measured in one turn (lib/core/analysis/edit-damage.ts). */
import { type DamageInputs, waysWithin } from '../core/analysis/index.ts';
import { WAYS_PER_READING } from '../core/detection/index.ts';
import { type Transformer, weightsStay } from '../core/model/index.ts';
import type { EngineLimits } from './protocol.ts';

/** States that wait beside weights that stay, where nothing limits them. */
const STATES_BYTES = 2 ** 29;

/**
 * As many as have room on the engine. Where weights do not stay there, at most `WAYS_PER_READING`, since the results of one reading
 * come together, and no fewer unless a limit asks for it, since each turn reads them again.
 */
export function waysAtOnce(inputs: DamageInputs, transformer: Transformer, limits: EngineLimits | undefined): number {
  if (weightsStay(transformer)) return waysWithin(limits?.engineBytes ?? STATES_BYTES, inputs, transformer);
  return limits ? Math.min(WAYS_PER_READING, waysWithin(limits.engineBytes, inputs, transformer)) : WAYS_PER_READING;
}
