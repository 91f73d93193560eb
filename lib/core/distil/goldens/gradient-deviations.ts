/**
 * For tests: the gradients of one block by every weight and by its input, against PyTorch's autograd in float64.
 * `python training/block_goldens.py` writes the references.
 */
import * as tf from '@tensorflow/tfjs-core';
import { disposeState } from '../../model/block-transformer.ts';
import { type GoldenCase, goldenValue } from '../../model/golden-fill.ts';
import { CARRIED_TEXT } from '../../model/joint-attention.ts';
import { openTransformer } from '../../model/open.ts';
import type { State } from '../../model/transformer.ts';
import { WeightSet } from '../../model/weights.ts';
import { asStored, type Deviation, deviationOf, type GoldenTensors } from './compare.ts';

export interface BlockGolden {
  readonly block: number;
  /** What of the state after the block the loss is of. */
  readonly streams: readonly (keyof typeof LOSS_WEIGHTS)[];
  readonly loss: number;
  readonly weights: GoldenTensors;
  readonly inputs: GoldenTensors;
}

/** Relative to the root mean square: ten times what float32 costs PyTorch itself on such blocks. */
export const GRADIENT_TOLERANCE = 2e-4;
const LOSS_WEIGHTS = { image: 4000, text: 4001, [CARRIED_TEXT]: 4002 };

/** Relative to the references: of the loss, of its gradients by the weights and of those by the inputs, the largest. */
export interface GradientDeviations {
  readonly loss: number;
  readonly weights: Deviation;
  readonly inputs: Deviation;
}

export async function gradientDeviations(
  { config, checkpoint, inputs }: GoldenCase,
  { block: index, streams, loss, weights: expected, inputs: expectedInputs }: BlockGolden,
): Promise<GradientDeviations> {
  const transformer = await openTransformer(config, checkpoint);
  const begun = await transformer.begin(inputs);
  let state: State = begun.state;
  for (let block = 0; block < index; block++) {
    const next = await transformer.runBlock(block, state, begun.context);
    disposeState(state);
    state = next;
  }
  const block = await transformer.readBlock(index);
  const names = [...block.entries()].map(([name]) => name);
  const parts = Object.keys(state).filter((part) => Object.hasOwn(expectedInputs.tensors, part));
  const lossOf = (...tensors: tf.Tensor[]): tf.Scalar => {
    const own = new WeightSet();
    names.forEach((name, i) => {
      own.add(name, tensors[parts.length + i]!);
    });
    const entering = Object.fromEntries(parts.map((part, i) => [part, tensors[i] as tf.Tensor3D]));
    const after = transformer.applyBlock(index, own, entering, begun.context, 'updated');
    return tf.addN(
      streams.map((stream) => {
        const found = after[stream]!;
        const size = found.size;
        const factors = Float32Array.from({ length: size }, (_, k) => goldenValue(k, LOSS_WEIGHTS[stream]));
        return tf.sum(tf.mul(found, tf.tensor(factors, found.shape))) as tf.Scalar;
      }),
    );
  };
  const parameters = [...parts.map((part) => state[part]!), ...[...block.entries()].map(([, tensor]) => tensor)];
  // No loss depends on the text's queries in a last block: their gradient is zero.
  const { value, grads: found } = tf.engine().gradients(() => lossOf(...parameters), parameters, undefined, true);
  const grads = (found as (tf.Tensor | null)[]).map((gradient, i) => gradient ?? tf.zerosLike(parameters[i]!));
  const lossFound = (await value.data())[0]!;
  const weights = await asStored(new Map(names.map((name, i) => [name, grads[parts.length + i]!])));
  const entering = new Map<string, { shape: number[]; values: Float32Array | Int32Array | Uint8Array }>();
  for (const [i, name] of parts.entries()) {
    const gradient = grads[i]!;
    entering.set(name, { shape: gradient.shape, values: await gradient.data() });
  }
  tf.dispose([value, ...grads]);
  block.dispose();
  disposeState(state);
  transformer.disposeContext(begun.context);
  transformer.dispose();
  return {
    loss: Math.abs(lossFound - loss) / Math.max(1, Math.abs(loss)),
    weights: deviationOf(weights, expected),
    inputs: deviationOf(entering, expectedInputs),
  };
}
