/**
 * Losses and gradients of a student, step after step: the same operations on other numbers. Where the engine can record
 * operations and the student is small, they are recorded at the first step and run as one call from then on; a large
 * student spends its time inside the operations, and computing one by one frees each tensor as early as can be.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { StreamId } from '../model/index.ts';
import { type NamedTensors, RecordedFunction, recorder } from '../tensor/recording.ts';
import { type LossAndGradients, lossAndGradients, type StreamLosses } from './gradients.ts';
import type { FlatParameters, ParameterLayout } from './parameters.ts';

/** Weights of a student whose steps are recorded. */
const MAX_RECORDED_ELEMENTS = 2 ** 24;

export class StudentGradients {
  readonly #streams: readonly StreamId[];
  readonly #function: RecordedFunction | null;

  /** `streams` have a loss each, in the order in which `of` gets them. */
  constructor(streams: readonly StreamId[], layout: ParameterLayout) {
    this.#streams = streams;
    const elements = layout.flat().reduce((sum, { size }) => sum + size, 0);
    const found = elements <= MAX_RECORDED_ELEMENTS ? recorder() : null;
    this.#function = found && new RecordedFunction(found);
  }

  /** `lossAndGradients`, where `losses` reads no tensors but the parameters and `given`. */
  of(
    parameters: FlatParameters,
    given: NamedTensors,
    losses: (parameters: FlatParameters) => StreamLosses,
    sum: FlatParameters | null,
  ): LossAndGradients {
    if (!this.#function) return lossAndGradients(parameters, losses, sum);
    const streams = this.#streams;
    const inputs = new Map([...parameters.map((vector, group) => [`weights ${group}`, vector] as const), ...given]);
    const found = this.#function.run(inputs, () => {
      const eager = lossAndGradients(parameters, losses);
      return [...streams.map((stream) => eager.losses[stream]!), ...eager.gradients];
    });
    const gradients = found.slice(streams.length) as tf.Tensor1D[];
    return {
      losses: Object.fromEntries(streams.map((stream, i) => [stream, found[i] as tf.Scalar])),
      gradients: sum ? gradients.map((gradient, group) => added(sum[group]!, gradient)) : gradients,
    };
  }

  dispose(): void {
    this.#function?.dispose();
  }
}

/** Consumes both. */
function added(sum: tf.Tensor1D, gradient: tf.Tensor1D): tf.Tensor1D {
  const total = tf.add(sum, gradient) as tf.Tensor1D;
  tf.dispose([sum, gradient]);
  return total;
}

/** For `of`: the parts that are there, as tensors of what they belong to. */
export function named(
  owner: string,
  parts: Iterable<readonly [string | number, tf.Tensor | null]>,
): [string, tf.Tensor][] {
  return [...parts].flatMap(([name, tensor]) => (tensor ? [[`${owner} ${name}`, tensor]] : []));
}
