/** How many ways through the depth are measured in one reading of the weights (lib/core/analysis/side-by-side.ts). */
import { type DamageInputs, waysWithin } from '../core/analysis/index.ts';
import { WAYS_PER_READING } from '../core/detection/index.ts';
import type { Transformer } from '../core/model/index.ts';
import type { EngineLimits } from './protocol.ts';
import { READ_WHOLE_BYTES } from './session.ts';

/** As many as the states that may wait on the engine; where weights are read again for each reading, no more than results may wait. */
export function waysAtOnce(
  modelBytes: number,
  inputs: DamageInputs,
  transformer: Transformer,
  limits: EngineLimits | undefined,
): number {
  const most = staysInMemory(modelBytes) ? Number.POSITIVE_INFINITY : WAYS_PER_READING;
  return limits ? Math.min(most, waysWithin(limits.engineBytes, inputs, transformer)) : most;
}

export function staysInMemory(modelBytes: number): boolean {
  return modelBytes <= READ_WHOLE_BYTES;
}
