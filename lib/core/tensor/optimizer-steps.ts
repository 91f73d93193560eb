/**
 * What an optimizer does to every weight on every step, which for a wide block is as long as the whole forward and backward
 * pass: Adam's update and the norm of the gradients. As TensorFlow.js' operations the update is a dozen passes over memory;
 * TensorFlow's library has it as one, in place, and the squared norm as one instead of two.
 */
import * as tf from '@tensorflow/tfjs-core';
import { type TensorflowLibrary, tensorflowLibrary } from './tensorflow-library.ts';

export interface AdamVectors {
  readonly weights: tf.Tensor1D;
  readonly firstMoment: tf.Tensor1D;
  readonly secondMoment: tf.Tensor1D;
}

export interface AdamRates {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Counts from 1. */
  readonly step: number;
}

/** Consumes the vectors, and returns new ones; the gradient stays the caller's. ε is added to √v̂, as PyTorch does. */
export function adamStep(vectors: AdamVectors, gradient: tf.Tensor1D, rates: AdamRates): AdamVectors {
  const library = tensorflowLibrary();
  return library ? adamInPlace(library, vectors, gradient, rates) : adamByOperations(vectors, gradient, rates);
}

/** Σ x², a scalar of the caller's own. */
export function sumOfSquares(x: tf.Tensor1D): tf.Scalar {
  const library = tensorflowLibrary();
  return tf.tidy(() => (library ? tf.mul(library.run('L2Loss', [x]), 2) : sumByRows(tf.square(x)))) as tf.Scalar;
}

/** Elements that wasm adds up one after another in float32: over a whole vector of 2²⁴ that loses 1.4 % of a norm. */
const ROW = 4096;

function sumByRows(vector: tf.Tensor1D): tf.Scalar {
  const rows = Math.floor(vector.size / ROW);
  const whole = rows * ROW;
  const sumOfRest = () => tf.sum(tf.slice(vector, whole)) as tf.Scalar;
  if (rows === 0) return sumOfRest();
  const sumOfRows = tf.sum(tf.sum(tf.reshape(tf.slice(vector, 0, whole), [rows, ROW]), 1)) as tf.Scalar;
  // WebGPU has no buffer for an empty rest.
  return whole === vector.size ? sumOfRows : tf.add(sumOfRows, sumOfRest());
}

function adamByOperations(
  { weights, firstMoment, secondMoment }: AdamVectors,
  gradient: tf.Tensor1D,
  { learningRate, beta1, beta2, epsilon, step }: AdamRates,
): AdamVectors {
  const next = tf.tidy(() => {
    const first = tf.add(tf.mul(firstMoment, beta1), tf.mul(gradient, 1 - beta1));
    const second = tf.add(tf.mul(secondMoment, beta2), tf.mul(tf.square(gradient), 1 - beta2));
    const root = tf.add(tf.div(tf.sqrt(second), Math.sqrt(1 - beta2 ** step)), epsilon);
    const update = tf.mul(tf.div(first, root), learningRate / (1 - beta1 ** step));
    return [tf.sub(weights, update), first, second] as tf.Tensor1D[];
  });
  tf.dispose([weights, firstMoment, secondMoment]);
  return asVectors(next);
}

function asVectors([weights, firstMoment, secondMoment]: readonly tf.Tensor1D[]): AdamVectors {
  if (!weights || !firstMoment || !secondMoment) throw new RangeError('Three vectors were to come back');
  return { weights, firstMoment, secondMoment };
}

/** TensorFlow's name for a variable that lives as long as its handle (core/framework/resource_handle.h). */
const ANONYMOUS = 'cd2c89b7-88b7-44c8-ad83-06c2a9158347';

/**
 * Variables share the tensors' memory. Once the tensors are let go they own it and are updated in place; where somebody
 * else still holds it (another handle, a JavaScript array), TensorFlow copies first.
 */
function adamInPlace(
  library: TensorflowLibrary,
  { weights, firstMoment, secondMoment }: AdamVectors,
  gradient: tf.Tensor1D,
  { learningRate, beta1, beta2, epsilon, step }: AdamRates,
): AdamVectors {
  const next = tf.tidy(() => {
    const variables = [weights, firstMoment, secondMoment].map((vector) => {
      const variable = library.run(
        'VarHandleOp',
        [],
        [
          { name: 'dtype', type: 'float32' },
          { name: 'shape', shape: vector.shape },
          { name: 'shared_name', text: ANONYMOUS },
        ],
      );
      library.runInPlace('AssignVariableOp', [variable, vector], 'dtype');
      vector.dispose();
      return variable;
    });
    // TensorFlow adds its ε to √v instead of √v̂.
    const scaledEpsilon = epsilon * Math.sqrt(1 - beta2 ** step);
    const numbers = [beta1 ** step, beta2 ** step, learningRate, beta1, beta2, scaledEpsilon].map((x) => tf.scalar(x));
    library.runInPlace('ResourceApplyAdam', [...variables, ...numbers, gradient]);
    return variables.map(
      (variable) => library.run('ReadVariableOp', [variable], [{ name: 'dtype', type: 'float32' }]) as tf.Tensor1D,
    );
  });
  return asVectors(next);
}
