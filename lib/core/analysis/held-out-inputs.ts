/** A few whole samples of a calibration as forward inputs of their own, for measurements that run the whole model. */
import type { Calibration } from '../capture/index.ts';
import { pickSamples, type TransformerInputs } from '../model/index.ts';

/** Samples that go through the whole model for each measured edit. */
export const DAMAGE_SAMPLES = 8;

/**
 * At most `limit` of the named samples, evenly spread over them, still in their batches. Any sample will do when none is
 * named: a calibration of one sample has none to hold out.
 */
export function inputsOfSamples(
  { batches }: Pick<Calibration, 'batches'>,
  samples: readonly number[],
  limit: number,
): TransformerInputs[] {
  const named = new Set(samples);
  let next = 0;
  const places = batches.flatMap((inputs, batch) =>
    Array.from({ length: inputs.batch }, (_, element) => ({ batch, element, sample: next++ })),
  );
  const allowed = places.filter(({ sample }) => named.size === 0 || named.has(sample));
  const count = Math.min(limit, allowed.length);
  const chosen = Array.from({ length: count }, (_, i) => allowed[Math.floor((i * allowed.length) / count)]!);
  return batches.flatMap((inputs, batch) => {
    const elements = chosen.filter((place) => place.batch === batch).map(({ element }) => element);
    return elements.length === 0 ? [] : [pickSamples(inputs, elements)];
  });
}
