/**
 * ‖v̂ − v‖ / ‖v‖ over samples, and how sure it is: a percentile bootstrap that draws whole groups of samples, because samples of
 * one prompt resemble each other.
 */
import { type Interval, percentileInterval } from './quantile.ts';
import { seededRandom } from './random.ts';

/** One sample's share: squared Frobenius norms. */
export interface SampleError {
  /** ‖v̂ − v‖² */
  readonly difference: number;
  /** ‖v‖² */
  readonly whole: number;
}

const RESAMPLES = 1000;
const SEED = 1;

/** Null where it is no number: the edited model overflows, or the whole one gives zeros. */
export function relativeError(samples: readonly SampleError[]): number | null {
  let [difference, whole] = [0, 0];
  for (const sample of samples) {
    difference += sample.difference;
    whole += sample.whole;
  }
  const error = Math.sqrt(difference / whole);
  return Number.isFinite(error) ? error : null;
}

/** 95 % of the resamples; `groups` names each sample's group. Null for one group alone, and where there is no error. */
export function relativeErrorBounds(
  samples: readonly SampleError[],
  groups: readonly (string | number)[] = samples.map((_, i) => i),
): Interval | null {
  const sums = new Map<string | number, SampleError>();
  for (const [i, { difference, whole }] of samples.entries()) {
    const name = groups[i] ?? i;
    const known = sums.get(name) ?? { difference: 0, whole: 0 };
    sums.set(name, { difference: known.difference + difference, whole: known.whole + whole });
  }
  const byGroup = [...sums.values()];
  if (byGroup.length < 2 || relativeError(byGroup) === null) return null;
  const random = seededRandom(SEED);
  const drawn = Array.from({ length: RESAMPLES }, () =>
    relativeError(byGroup.map(() => byGroup[random.integer(byGroup.length)]!)),
  ).filter((error) => error !== null);
  return drawn.length === 0 ? null : percentileInterval(drawn);
}

/** Of a batch's outputs [B, …], one entry per sample. */
export function sampleErrors(whole: Float32Array, edited: Float32Array, batch: number): SampleError[] {
  const length = whole.length / batch;
  return Array.from({ length: batch }, (_, sample) => {
    const sums = { difference: 0, whole: 0 };
    for (let i = sample * length; i < (sample + 1) * length; i++) {
      sums.difference += (edited[i]! - whole[i]!) ** 2;
      sums.whole += whole[i]! ** 2;
    }
    return sums;
  });
}
