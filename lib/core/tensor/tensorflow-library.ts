/**
 * Operations of TensorFlow's library that TensorFlow.js has no name for. The backend of tfjs-node runs any of them; its types
 * do not say so. Null on every other engine: whoever asks has the same in TensorFlow.js' own operations.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { BinaryFloat, StoredFloats } from './float.ts';

export interface TensorflowLibrary {
  /** One of float32 tensors. Attributes besides its type are `attributes`. */
  run(operation: string, inputs: readonly tf.Tensor[], attributes?: readonly Attribute[]): tf.Tensor;
  /** One that returns nothing. */
  runInPlace(operation: string, inputs: readonly tf.Tensor[], typeName?: string): void;
  /** Stored numbers as a float32 tensor of the caller's; where it `turns`, a matrix [R, C] becomes [C, R], in its stored width. */
  decode(stored: StoredFloats, shape: readonly number[], turns: boolean): tf.Tensor;
}

export type Attribute =
  | { readonly name: string; readonly shape: readonly number[] }
  | { readonly name: string; readonly text: string }
  /** Instead of the usual T. */
  | { readonly name: string; readonly type: 'float32' };

/** Tensors are named by numbers and deleted by whoever made them. */
interface Binding
  extends Readonly<Record<'TF_ATTR_TYPE' | 'TF_ATTR_SHAPE' | 'TF_ATTR_STRING' | 'TF_FLOAT' | 'TF_INT32', number>> {
  createTensor(shape: number[], dtype: number, values: Uint8Array | Int32Array): number;
  deleteTensor(id: number): void;
  executeOp(operation: string, attributes: object[], inputs: number[], outputs: number): Output[];
}
interface Output {
  readonly id: number;
}

interface NodeBackend extends tf.KernelBackend {
  readonly binding: Binding;
  executeSingleOutput(operation: string, attributes: object[], inputs: tf.Tensor[]): tf.Tensor;
  executeMultipleOutputs(operation: string, attributes: object[], inputs: tf.Tensor[], outputs: number): tf.Tensor[];
  createOutputTensor(output: Output): tf.Tensor;
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
    decode: (stored, shape, turns) => backend.createOutputTensor(decoded(binding, stored, shape, turns)),
  };
}

/** Types by their numbers in tensorflow/core/framework/types.proto. */
const UINT8 = 4;
const TYPE_OF: Readonly<Record<BinaryFloat, { readonly type: number; readonly bytes: number }>> = {
  F32: { type: 1, bytes: 4 },
  F16: { type: 19, bytes: 2 },
  BF16: { type: 14, bytes: 2 },
};

/** Bitcast shares memory: the bytes are copied once, moved about as 16 bits, and widened last. */
function decoded(binding: Binding, { dtype, bytes }: StoredFloats, shape: readonly number[], turns: boolean): Output {
  const stored = TYPE_OF[dtype];
  const types = (values: Readonly<Record<string, number>>) =>
    Object.entries(values).map(([name, value]) => ({ name, type: binding.TF_ATTR_TYPE, value }));
  const execute = (operation: string, attributes: object[], inputs: number[]): Output => {
    const [output] = binding.executeOp(operation, attributes, inputs, 1);
    if (!output) throw new Error(`TensorFlow's ${operation} gave nothing`);
    return output;
  };
  /** Consumes its input. */
  const next = (operation: string, attributes: object[], input: Output, ...others: number[]): Output => {
    try {
      return execute(operation, attributes, [input.id, ...others]);
    } finally {
      for (const id of [input.id, ...others]) binding.deleteTensor(id);
    }
  };
  const raw = { id: binding.createTensor([...shape, stored.bytes], UINT8, bytes) };
  let values = next('Bitcast', types({ T: UINT8, type: stored.type }), raw);
  if (turns && shape.length === 2) {
    const order = binding.createTensor([2], binding.TF_INT32, Int32Array.of(1, 0));
    values = next('Transpose', types({ T: stored.type, Tperm: binding.TF_INT32 }), values, order);
  }
  return dtype === 'F32' ? values : next('Cast', types({ SrcT: stored.type, DstT: binding.TF_FLOAT }), values);
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
