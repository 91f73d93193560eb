/**
 * Operations of TensorFlow's library that TensorFlow.js has no name for. The backend of tfjs-node runs any of them; its types
 * do not say so. Null on every other engine: whoever asks has the same in TensorFlow.js' own operations.
 */
import * as tf from '@tensorflow/tfjs-core';

export interface TensorflowLibrary {
  /** One of float32 tensors. Attributes besides its type are `attributes`. */
  run(operation: string, inputs: readonly tf.Tensor[], attributes?: readonly Attribute[]): tf.Tensor;
  /** One that returns nothing. */
  runInPlace(operation: string, inputs: readonly tf.Tensor[], typeName?: string): void;
}

export type Attribute =
  | { readonly name: string; readonly shape: readonly number[] }
  | { readonly name: string; readonly text: string }
  /** Instead of the usual T. */
  | { readonly name: string; readonly type: 'float32' };

interface NodeBackend extends tf.KernelBackend {
  readonly binding: Readonly<Record<'TF_ATTR_TYPE' | 'TF_ATTR_SHAPE' | 'TF_ATTR_STRING' | 'TF_FLOAT', number>>;
  executeSingleOutput(operation: string, attributes: object[], inputs: tf.Tensor[]): tf.Tensor;
  executeMultipleOutputs(operation: string, attributes: object[], inputs: tf.Tensor[], outputs: number): tf.Tensor[];
}

export function tensorflowLibrary(): TensorflowLibrary | null {
  if (tf.getBackend() !== 'tensorflow') return null;
  const backend = tf.backend() as NodeBackend;
  const { binding } = backend;
  const typed = (name: string) => ({ name, type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT });
  const asGiven = (attribute: Attribute) => {
    const { name } = attribute;
    if ('shape' in attribute) return { name, type: binding.TF_ATTR_SHAPE, value: attribute.shape };
    return 'text' in attribute ? { name, type: binding.TF_ATTR_STRING, value: attribute.text } : typed(name);
  };
  return {
    run: (operation, inputs, attributes) =>
      backend.executeSingleOutput(operation, attributes?.map(asGiven) ?? [typed('T')], [...inputs]),
    runInPlace(operation, inputs, typeName = 'T') {
      backend.executeMultipleOutputs(operation, [typed(typeName)], [...inputs], 0);
    },
  };
}

/** dy·y·(1 − y): the gradient of y = σ(x). */
export function sigmoidGradient(y: tf.Tensor, dy: tf.Tensor): tf.Tensor {
  const library = tensorflowLibrary();
  return library ? library.run('SigmoidGrad', [y, dy]) : tf.mul(dy, tf.mul(y, tf.sub(1, y)));
}

/** Sums of the columns of [R, C] → [C]: the gradient of a bias. */
export function columnSums(x: tf.Tensor2D): tf.Tensor1D {
  const library = tensorflowLibrary();
  return (library ? library.run('BiasAddGrad', [x]) : tf.sum(x, 0)) as tf.Tensor1D;
}
