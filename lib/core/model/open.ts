/** From a parsed config and an open checkpoint to a transformer that runs. */
import type { Checkpoint } from '../checkpoint/types.ts';
import type { ModelConfig } from './architecture.ts';
import { checkWeights } from './check-weights.ts';
import { architectureOf } from './counts.ts';
import { familyNamed } from './families.ts';
import { DEFAULT_RESIDENT_BYTES } from './resident.ts';
import type { Transformer } from './transformer.ts';
import { WeightStore } from './weights.ts';

export interface OpenOptions {
  /** Block weights that may stay on the engine, in float32 bytes; the rest is read again whenever it is needed. */
  readonly residentBytes?: number;
}

/** Checks every weight's presence, dtype and shape first, then reads the globals. The caller disposes the transformer. */
export async function openTransformer(
  config: ModelConfig,
  checkpoint: Checkpoint,
  { residentBytes = DEFAULT_RESIDENT_BYTES }: OpenOptions = {},
): Promise<Transformer> {
  checkWeights(checkpoint, config);
  const weights = new WeightStore(checkpoint, architectureOf(config), residentBytes);
  try {
    return await familyNamed(config.family).open(config, weights);
  } catch (thrown) {
    weights.dispose();
    throw thrown;
  }
}
