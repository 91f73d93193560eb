/**
 * Whether an engine computes what diffusers does: bfloat16 weights of every finite bit pattern, and the golden cases of every family
 * (golden-fill.ts), run on the engine in use.
 */
import { storedWeightsError } from '../tensor/weight-tensors.ts';
import { FAMILIES } from './families.ts';
import { goldenCase } from './golden-fill.ts';
import { sampleOf } from './latents.ts';
import { openTransformer } from './open.ts';

/** Of what is checked: raised with every case that is added, as a result of fewer cases is none. */
export const SELF_CHECK_VERSION = 2;

export interface SelfCheck {
  /** The largest absolute difference of an output value. */
  readonly maxAbsError: number;
  /** The smallest tolerance of a case. */
  readonly tolerance: number;
}

/** `untilWrong`: ends with the first case that the engine gets wrong, for whoever only asks whether it may be taken. */
export async function selfCheck({ untilWrong = false } = {}): Promise<SelfCheck> {
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
      if (untilWrong && !(maxAbsError <= tolerance)) return { maxAbsError, tolerance };
    }
  }
  return { maxAbsError, tolerance };
}
