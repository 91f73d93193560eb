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
 * have the gradient zero. Gradients are added to `sum`, which is consumed. Everything returned is the caller's own.
 */
export function lossAndGradients(
  parameters: FlatParameters,
  losses: (parameters: FlatParameters) => StreamLosses,
  sum: FlatParameters | null = null,
): LossAndGradients {
  const kept: Record<StreamId, tf.Scalar> = {};
  try {
    const { value, grads } = tf.engine().gradients(
      () => {
        const found = Object.entries(losses(parameters));
        for (const [stream, loss] of found) kept[stream] = tf.keep(tf.clone(loss));
        freeAsBackwardGoes(parameters, sum);
        return found.map(([, loss]) => loss).reduce((sum, loss) => tf.add(sum, loss));
      },
      [...parameters],
      undefined,
      true,
    );
    value.dispose();
    const found: readonly (tf.Tensor | null)[] = grads;
    const gradients = found.map(
      (gradient, group) => gradient ?? sum?.[group] ?? tf.zerosLike(parameters[group]!),
    ) as tf.Tensor1D[];
    return { losses: kept, gradients };
  } catch (thrown) {
    tf.dispose(Object.values(kept));
    throw thrown;
  }
}

/**
 * TensorFlow.js keeps what a forward saved, and the gradient of every intermediate value, until the last gradient is there. On its way
 * back nothing of an operation is needed once the one before it is reached: freed there, a block of width 3072 takes
 * 1 GB less. For the same reason a parameter's gradient goes to its sum at once. Call at the end of a forward whose gradient is taken.
 */
function freeAsBackwardGoes(parameters: FlatParameters, sum: FlatParameters | null): void {
  let free = () => {};
  for (const node of tf.engine().state.activeTape) {
    const { gradient, saved } = node;
    if (!gradient) continue;
    node.gradient = (dys) => {
      free();
      const found = gradient(dys);
      // A gradient may be the very tensor that came in; it is then freed behind the operation that takes it.
      const passed = new Set<tf.Tensor>();
      free = () => tf.dispose([...saved!, ...dys.filter((dy) => dy && !passed.has(dy))]);
      return Object.fromEntries(
        Object.entries(found).map(([name, make]) => [
          name,
          () => {
            const made = make();
            const group = sum ? parameters.findIndex(({ id }) => id === node.inputs[name]?.id) : -1;
            if (group >= 0) return addedTo(sum![group]!, made);
            if (dys.includes(made)) passed.add(made);
            return made;
          },
        ]),
      );
    };
  }
}

/** A parameter is cut up by one operation, which gives its whole gradient. */
function addedTo(sum: tf.Tensor, gradient: tf.Tensor): tf.Tensor {
  const added = tf.add(sum, gradient);
  sum.dispose();
  return added;
}
