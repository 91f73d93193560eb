/** A few whole samples of a calibration as forward inputs of their own, for measurements that run the whole model. */
import type { Calibration } from '../capture/index.ts';
import type { TransformerInputs } from '../model/index.ts';

/**
 * At most `limit` of the named samples, evenly spread over them, still in their batches. Any sample will do when none is
 * named: a calibration of one sample has none to hold out.
 */
export function inputsOfSamples(
  { batches, rows }: Calibration,
  samples: readonly number[],
  limit: number,
): TransformerInputs[] {
  const named = new Set(samples);
  let imageRow = 0;
  const places = batches.flatMap((inputs, batch) =>
    Array.from({ length: inputs.batch }, (_, element) => {
      const sample = rows.image[imageRow] ?? -1;
      imageRow += inputs.imageTokens;
      return { batch, element, sample };
    }),
  );
  const allowed = places.filter(({ sample }) => named.size === 0 || named.has(sample));
  const count = Math.min(limit, allowed.length);
  const chosen = Array.from({ length: count }, (_, i) => allowed[Math.floor((i * allowed.length) / count)]!);
  return batches.flatMap((inputs, batch) => {
    const elements = chosen.filter((place) => place.batch === batch).map(({ element }) => element);
    return elements.length === 0 ? [] : [elementsOf(inputs, elements)];
  });
}

function elementsOf(inputs: TransformerInputs, elements: readonly number[]): TransformerInputs {
  return {
    ...inputs,
    hiddenStates: gather(inputs.hiddenStates, inputs.batch, elements),
    encoderHiddenStates: gather(inputs.encoderHiddenStates, inputs.batch, elements),
    timestep: gather(inputs.timestep, inputs.batch, elements),
    mask: inputs.mask && gather(inputs.mask, inputs.batch, elements),
    batch: elements.length,
  };
}

function gather<T extends Float32Array | Uint8Array>(values: T, batch: number, elements: readonly number[]): T {
  const size = values.length / batch;
  const gathered = values.slice(0, elements.length * size) as T;
  elements.forEach((element, i) => {
    gathered.set(values.subarray(element * size, (element + 1) * size), i * size);
  });
  return gathered;
}
