/**
 * Whether an engine computes what diffusers does: bfloat16 weights of every finite bit pattern, and the golden cases of every family
 * (golden-fill.ts), run on the engine in use.
 */
import { storedWeightsError } from '../tensor/weight-tensors.ts';
import { FAMILIES } from './families.ts';
import { goldenCase } from './golden-fill.ts';
import { sampleOf } from './latents.ts';
import { openTransformer } from './open.ts';

export interface SelfCheck {
  /** The largest absolute difference of an output value, in the cases that ran. */
  readonly maxAbsError: number;
  /** The smallest tolerance of a case. */
  readonly tolerance: number;
}

/** A self check whose result may be kept. */
export interface KeptCheck extends SelfCheck {
  /** When an earlier visit computed it, in ms since 1970; null where this one did. */
  readonly keptFromMs: number | null;
}

/** Ends with the first case that the engine gets wrong. */
export async function selfCheck(): Promise<SelfCheck> {
  let [maxAbsError, tolerance] = [await storedWeightsError(), Number.POSITIVE_INFINITY];
  for (const family of FAMILIES) {
    for (const spec of await family.goldens()) {
      const golden = goldenCase(spec);
      const transformer = await openTransformer(golden.config, golden.checkpoint);
      try {
        const { values } = sampleOf(await transformer.forward(golden.inputs), golden.inputs, golden.config);
        const errors = golden.expected.map((value, i) => Math.abs(value - (values[i] ?? Number.NaN)));
        maxAbsError = Math.max(maxAbsError, ...errors);
        tolerance = Math.min(tolerance, golden.tolerance);
      } finally {
        transformer.dispose();
      }
      if (!(maxAbsError <= tolerance)) return { maxAbsError, tolerance };
    }
  }
  return { maxAbsError, tolerance };
}
