/**
 * Bfloat16 weights decoded and transposed by WebGPU: their bytes go to the graphics processor as they are stored, half as many as
 * float32 has, and JavaScript reads them only where it looks for numbers that are not finite. Other types are decoded in
 * JavaScript: WGSL lets a driver flush subnormal numbers when it unpacks halves, and a bit pattern that is moved stays what it is.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { StoredFloats } from './float.ts';

/** What `@tensorflow/tfjs-backend-webgpu` runs; its package exports no type of it. */
interface Program {
  readonly outputShape: number[];
  readonly variableNames: string[];
  readonly workgroupSize: [number, number, number];
  readonly dispatchLayout: { readonly x: number[] };
  /** Groups of invocations; the backend spreads more than a dimension may have over all three. */
  dispatch: [number, number, number];
  /** Programs of one key share a pipeline. Shapes are uniforms, so that one serves them all. */
  shaderKey: string;
  /** Gives the shader `uniforms.size`, the number of outputs. */
  readonly size: boolean;
  getUserCode(): string;
}

interface WebgpuBackend extends tf.KernelBackend {
  runWebGPUProgram(program: Program, inputs: readonly tf.TensorInfo[], dtype: 'float32'): tf.TensorInfo;
}

const WORKGROUP = 64;

/** Whether `decodeOnWebgpu` takes these numbers on the engine in use. */
export function decodesOnWebgpu({ dtype, bytes }: StoredFloats): boolean {
  return tf.getBackend() === 'webgpu' && dtype === 'BF16' && bytes.length > 0 && bytes.length % 4 === 0;
}

/** A vector keeps its shape, a matrix [R, C] becomes [C, R], to the bit. For numbers that `decodesOnWebgpu` is true of. */
export function decodeOnWebgpu(stored: StoredFloats, shape: readonly number[]): tf.Tensor {
  const words = wordsOf(stored);
  const backend = tf.backend() as WebgpuBackend;
  return tf.tidy(() => {
    const inputs = [tf.tensor(words, [words.length], 'int32')];
    const outputShape = shape.length === 2 ? shape.toReversed() : [...shape];
    const output = backend.runWebGPUProgram(decodeProgram(outputShape), inputs, 'float32');
    return tf.engine().makeTensorFromTensorInfo(output, backend);
  });
}

/** Whether no number is infinite or not a number: none has an exponent of ones. */
export function areFinitePairs(stored: StoredFloats): boolean {
  const words = wordsOf(stored);
  let carries = 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    // Adding one to the exponent carries into the sign's place only where the exponent is all ones.
    carries |= ((word & EXPONENT) + ONE) | (((word << 16) & EXPONENT) + ONE);
  }
  return carries >= 0;
}

/** The exponent of the second number of a pair, and its lowest bit. */
const [EXPONENT, ONE] = [0x7f800000, 0x00800000];

/** Pairs of numbers, the first in the lower half: a view of the bytes where their place in memory allows one. */
function wordsOf({ bytes }: StoredFloats): Int32Array {
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 4 ? bytes.slice() : bytes;
  return new Int32Array(buffer, byteOffset, byteLength / 4);
}

function decodeProgram(outputShape: number[]): Program {
  const turns = outputShape.length === 2;
  const size = tf.util.sizeFromShape(outputShape);
  // The output is [C, R] and the input [R, C].
  const place = turns
    ? 'let column = index / uniforms.outShape.y; let place = (index - column * uniforms.outShape.y) * uniforms.outShape.x + column;'
    : 'let place = index;';
  return {
    outputShape,
    variableNames: ['Pairs'],
    workgroupSize: [WORKGROUP, 1, 1],
    dispatchLayout: { x: outputShape.map((_, axis) => axis) },
    dispatch: [Math.ceil(size / WORKGROUP), 1, 1],
    shaderKey: `decode-bfloat16 ${turns ? 'transposed' : 'as stored'}`,
    size: true,
    getUserCode: () => `
      fn main(index : i32) {
        if (index < uniforms.size) {
          ${place}
          let pair = bitcast<u32>(Pairs[place / 2]);
          let word = select(pair << 16u, pair & 0xffff0000u, (place & 1) == 1);
          setOutputAtIndex(index, bitcast<f32>(word));
        }
      }`,
  };
}
