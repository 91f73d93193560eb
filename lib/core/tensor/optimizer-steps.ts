/**
 * What an optimizer does to every weight on every step, which for a wide block is as long as the whole forward and backward
 * pass: Adam's update and the norm of the gradients. As TensorFlow.js' operations the update is a dozen passes over memory;
 * TensorFlow's library has it as one, in place, and the squared norm as one instead of two. The bindings of tfjs-node run
 * any of the library's operations by name, of which TensorFlow.js itself knows only some.
 */
import * as tf from '@tensorflow/tfjs-core';

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
  return tf.tidy(() =>
    library ? tf.mul(library.executeSingleOutput('L2Loss', [library.type('T')], [x]), 2) : sumByRows(tf.square(x)),
  ) as tf.Scalar;
}

/** Elements that wasm adds up one after another in float32: over a whole vector of 2²⁴ that loses 1.4 % of a norm. */
const ROW = 4096;

function sumByRows(vector: tf.Tensor1D): tf.Scalar {
  const rows = Math.floor(vector.size / ROW);
  const rest = tf.sum(tf.slice(vector, rows * ROW)) as tf.Scalar;
  if (rows === 0) return rest;
  const byRow = tf.sum(tf.reshape(tf.slice(vector, 0, rows * ROW), [rows, ROW]), 1);
  return tf.add(tf.sum(byRow), rest);
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

/** What tfjs-node's backend offers besides its kernels; not in its types. */
interface TensorflowLibrary {
  executeSingleOutput(operation: string, attributes: object[], inputs: tf.Tensor[]): tf.Tensor;
  executeMultipleOutputs(operation: string, attributes: object[], inputs: tf.Tensor[], outputs: number): tf.Tensor[];
  type(attribute: string): object;
  shape(attribute: string, shape: readonly number[]): object;
  text(attribute: string, value: string): object;
}

function tensorflowLibrary(): TensorflowLibrary | null {
  if (tf.getBackend() !== 'tensorflow') return null;
  const backend = tf.backend() as tf.KernelBackend &
    Pick<TensorflowLibrary, 'executeSingleOutput' | 'executeMultipleOutputs'> & {
      readonly binding: Readonly<Record<'TF_ATTR_TYPE' | 'TF_ATTR_SHAPE' | 'TF_ATTR_STRING' | 'TF_FLOAT', number>>;
    };
  const { binding } = backend;
  return {
    executeSingleOutput: (...call) => backend.executeSingleOutput(...call),
    executeMultipleOutputs: (...call) => backend.executeMultipleOutputs(...call),
    type: (name) => ({ name, type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT }),
    shape: (name, value) => ({ name, type: binding.TF_ATTR_SHAPE, value }),
    text: (name, value) => ({ name, type: binding.TF_ATTR_STRING, value }),
  };
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
      const attributes = [
        library.type('dtype'),
        library.shape('shape', vector.shape),
        library.text('shared_name', ANONYMOUS),
      ];
      const variable = library.executeSingleOutput('VarHandleOp', attributes, []);
      library.executeMultipleOutputs('AssignVariableOp', [library.type('dtype')], [variable, vector], 0);
      vector.dispose();
      return variable;
    });
    // TensorFlow adds its ε to √v instead of √v̂.
    const scaledEpsilon = epsilon * Math.sqrt(1 - beta2 ** step);
    const numbers = [beta1 ** step, beta2 ** step, learningRate, beta1, beta2, scaledEpsilon].map((x) => tf.scalar(x));
    library.executeMultipleOutputs('ResourceApplyAdam', [library.type('T')], [...variables, ...numbers, gradient], 0);
    return variables.map(
      (variable) => library.executeSingleOutput('ReadVariableOp', [library.type('dtype')], [variable]) as tf.Tensor1D,
    );
  });
  return asVectors(next);
}
