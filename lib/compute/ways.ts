/** How many ways through the depth are measured in one reading of the weights (lib/core/analysis/side-by-side.ts). */
import { type DamageInputs, waysWithin } from '../core/analysis/index.ts';
import { WAYS_PER_READING } from '../core/detection/index.ts';
import type { Transformer } from '../core/model/index.ts';
import type { EngineLimits } from './protocol.ts';
import { READ_WHOLE_BYTES } from './session.ts';

/** One by one where weights stay in memory; else several, as many as the states that may wait on the engine. */
export function waysAtOnce(
  modelBytes: number,
  inputs: DamageInputs,
  transformer: Transformer,
  limits: EngineLimits | undefined,
): number {
  if (staysInMemory(modelBytes)) return 1;
  return limits ? Math.min(WAYS_PER_READING, waysWithin(limits.engineBytes, inputs, transformer)) : WAYS_PER_READING;
}

export function staysInMemory(modelBytes: number): boolean {
  return modelBytes <= READ_WHOLE_BYTES;
}
