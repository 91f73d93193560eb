/** Loss and gradients of flat parameters. */
import * as tf from '@tensorflow/tfjs-core';
import type { StreamId } from '../model/index.ts';
import '../tensor/gradients.ts';
import type { FlatParameters } from './parameters.ts';

export type StreamLosses = Readonly<Record<StreamId, tf.Scalar>>;

export interface LossAndGradients {
  /** Of each stream that takes part, by its id. */
  readonly losses: StreamLosses;
  readonly gradients: FlatParameters;
}

/**
 * The streams' losses, whose sum is differentiated; parameters that no loss depends on (the text weights of a last block)
 * have the gradient zero. Everything returned is the caller's own.
 */
export function lossAndGradients(
  parameters: FlatParameters,
  losses: (parameters: FlatParameters) => StreamLosses,
): LossAndGradients {
  const kept: Record<StreamId, tf.Scalar> = {};
  try {
    const { value, grads } = tf.engine().gradients(
      () => {
        const found = Object.entries(losses(parameters));
        for (const [stream, loss] of found) kept[stream] = tf.keep(tf.clone(loss));
        return found.map(([, loss]) => loss).reduce((sum, loss) => tf.add(sum, loss));
      },
      [...parameters],
      undefined,
      true,
    );
    value.dispose();
    const found: readonly (tf.Tensor | null)[] = grads;
    const gradients = found.map((gradient, group) => gradient ?? tf.zerosLike(parameters[group]!)) as tf.Tensor1D[];
    return { losses: kept, gradients };
  } catch (thrown) {
    tf.dispose(Object.values(kept));
    throw thrown;
  }
}
