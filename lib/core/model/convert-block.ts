/**
 * A block's weights in another block's place, where the blocks of a stack are of different kinds: which rows of which tensors
 * they are, and the weights themselves on the engine. A family says what becomes of what (`Family.convertBlock`).
 */
import * as tf from '@tensorflow/tfjs-core';
import type { BlockSpec, ModelConfig } from './architecture.ts';
import type { RowSource } from './block-rows.ts';
import { conversionOf } from './pruned.ts';
import { WeightSet } from './weights.ts';

/** Weights of `from` as those of `to`, under handles of their own. The caller disposes both sets. */
export function convertedWeights(config: ModelConfig, weights: WeightSet, from: BlockSpec, to: BlockSpec): WeightSet {
  const conversion = conversionOf(config, from, to);
  if (!conversion) return weights.clone();
  const stored = new Map(weights.entries());
  const converted = new WeightSet();
  for (const { name, shape } of to.tensors) {
    const sources = conversion.get(name);
    converted.add(
      name,
      tf.tidy(() => (sources ? joinedRows(sources, stored, shape) : tf.clone(found(stored, name)))),
    );
  }
  return converted;
}

/** As the engine holds matrices, [in, out], rows of the stored tensor are columns. `shape` is the stored one. */
function joinedRows(
  sources: readonly RowSource[],
  stored: ReadonlyMap<string, tf.Tensor>,
  [, input]: readonly number[],
): tf.Tensor {
  const parts = sources.map((source) => {
    if ('zeros' in source) return tf.zeros(input === undefined ? [source.zeros] : [input, source.zeros]);
    const { tensor, from, to } = source;
    const whole = found(stored, tensor);
    return whole.rank === 1
      ? tf.slice(whole, [from], [to - from])
      : tf.slice(whole, [0, from], [whole.shape[0] ?? 0, to - from]);
  });
  return tf.concat(parts, parts[0]?.rank === 1 ? 0 : 1);
}

function found(stored: ReadonlyMap<string, tf.Tensor>, name: string): tf.Tensor {
  const tensor = stored.get(name);
  if (!tensor) throw new RangeError(`No weight ${name} in this block`);
  return tensor;
}
