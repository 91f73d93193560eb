/**
 * Stored weights as tensors of the engine in use: decoded, matrices turned from [out, in] to [in, out] or left as they are, and
 * looked at for numbers that are not finite, in as few passes over memory as the engine allows. TensorFlow's library takes the bytes as they
 * are, and so does WebGPU where they are bfloat16 (webgpu-decode.ts). For wasm and cpu JavaScript writes every element to its final
 * place, which in wasm is in WebAssembly's memory. GPUs transpose by themselves.
 */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { allFinite, decodeWords, floatCodes, type StoredFloats } from './float.ts';
import { tensorflowLibrary } from './tensorflow-library.ts';
import { areFinitePairs, decodeOnWebgpu, decodesOnWebgpu } from './webgpu-decode.ts';

export interface WeightTensor {
  /** The caller's. */
  readonly tensor: tf.Tensor;
  /** True means that every number is finite; false, that one may not be: the engine adds them up, and a sum can overflow. */
  readonly finite: boolean;
}

/**
 * Whether the engine multiplies with a stored matrix [out, in] as fast as with its transpose. TensorFlow's MatMul does, and
 * turning 16-bit numbers costs half of what reading a block does there; XNNPACK in wasm is called with [in, out] alone.
 */
export function takesStoredMatrices(): boolean {
  return tf.getBackend() === 'tensorflow';
}

export interface WeightOptions {
  /** False leaves `finite` true unlooked. */
  readonly checks: boolean;
  /** Matrices stay [R, C], on an engine of `takesStoredMatrices`. */
  readonly asStored?: boolean;
}

/** A vector keeps its shape, a matrix [R, C] becomes [C, R]. */
export function weightTensor(
  stored: StoredFloats,
  shape: readonly number[],
  { checks, asStored = false }: WeightOptions,
): WeightTensor {
  const library = tensorflowLibrary();
  if (library) {
    const tensor = library.decode(stored, shape, !asStored);
    return { tensor, finite: !checks || Number.isFinite(tf.tidy(() => tf.sum(tensor).dataSync()[0])) };
  }
  if (decodesOnWebgpu(stored)) {
    return { tensor: decodeOnWebgpu(stored, shape), finite: !checks || areFinitePairs(stored) };
  }
  const codes = floatCodes(stored);
  const [rows = 0, columns = 0] = shape;
  if (shape.length === 2 && transposesInJavaScript()) {
    let finite = true;
    const tensor = written([columns, rows], (words) => {
      finite = decodeTransposed(codes, stored.dtype, rows, columns, words);
    });
    return { tensor, finite };
  }
  const words = new Uint32Array(codes.length);
  const finite = decodeWords(codes, stored.dtype, words);
  return { tensor: ofValues(new Float32Array(words.buffer), shape), finite };
}

/**
 * The largest difference between a bfloat16 number and what the engine in use makes of it, over all finite ones, as a vector and
 * as a matrix: absolute up to 1, relative above. Subnormal numbers may become zero.
 */
export async function storedWeightsError(): Promise<number> {
  const codes = Uint16Array.from({ length: 2 ** 16 }, (_, code) => code).filter((code) => (code & 0x7f80) !== 0x7f80);
  const words = new Uint32Array(codes.length);
  decodeWords(codes, 'BF16', words);
  const expected = new Float32Array(words.buffer);
  const [rows, columns] = [codes.length / 2 ** 8, 2 ** 8];
  const transposed = (i: number) => (i % columns) * rows + Math.floor(i / columns);
  const errorOf = async (shape: readonly number[], placeOf: (i: number) => number): Promise<number> => {
    const { tensor } = weightTensor({ dtype: 'BF16', bytes: new Uint8Array(codes.buffer) }, shape, { checks: false });
    try {
      const values = await tensor.data();
      return expected.reduce((worst, value, i) => {
        const found = values[placeOf(i)] ?? Number.NaN;
        return Math.max(worst, Math.abs(found - value) / Math.max(1, Math.abs(value)));
      }, 0);
    } finally {
      tensor.dispose();
    }
  };
  return Math.max(await errorOf([codes.length], (i) => i), await errorOf([rows, columns], transposed));
}

/** The same of decoded values. */
export function valuesTensor(values: Float32Array, shape: readonly number[], asStored = false): tf.Tensor {
  if (asStored) return tf.tensor(values, [...shape], 'float32');
  if (shape.length !== 2 || !transposesInJavaScript()) return ofValues(values, shape);
  const [rows = 0, columns = 0] = shape;
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return written([columns, rows], (words) => transposeRows(bits, 0, rows, rows, columns, words));
}

/** Whether none is infinite or not a number. */
export function areFinite(values: Float32Array): boolean {
  return allFinite(new Uint32Array(values.buffer, values.byteOffset, values.length));
}

function transposesInJavaScript(): boolean {
  return tf.getBackend() === 'wasm' || tf.getBackend() === 'cpu';
}

function ofValues(values: Float32Array, shape: readonly number[]): tf.Tensor {
  return tf.tidy(() => {
    const stored = tf.tensor(values, [...shape], 'float32');
    return shape.length === 2 ? tf.transpose(stored) : stored;
  });
}

/** A tensor whose bits `write` gives. Until it returns, nothing may allocate memory of the engine: wasm's would move. */
function written(shape: number[], write: (words: Uint32Array) => void): tf.Tensor {
  if (tf.getBackend() !== 'wasm') {
    const words = new Uint32Array(tf.util.sizeFromShape(shape));
    write(words);
    return tf.tensor(new Float32Array(words.buffer), shape, 'float32');
  }
  const backend = tf.backend() as BackendWasm;
  const { dataId } = backend.makeOutput(shape, 'float32');
  const heap = backend.typedArrayFromHeap({ dataId, shape, dtype: 'float32' });
  write(new Uint32Array(heap.buffer, heap.byteOffset, heap.length));
  return tf.engine().makeTensorFromDataId(dataId, shape, 'float32', backend);
}

/** Rows decoded at a time, and rows and columns of a tile: a tile's lines stay in the first cache, a strip in the second. */
const TILE = 16;

/** Returns whether all are finite. */
function decodeTransposed(
  codes: Uint16Array | Uint32Array,
  dtype: StoredFloats['dtype'],
  rows: number,
  columns: number,
  words: Uint32Array,
): boolean {
  const strip = new Uint32Array(TILE * columns);
  let finite = true;
  for (let top = 0; top < rows; top += TILE) {
    const height = Math.min(TILE, rows - top);
    const part = strip.subarray(0, height * columns);
    if (!decodeWords(codes.subarray(top * columns, (top + height) * columns), dtype, part)) finite = false;
    transposeRows(part, top, height, rows, columns, words);
  }
  return finite;
}

/** Writes `height` rows, which are those from `top` on of a matrix [rows, columns], to its transpose. */
function transposeRows(
  from: Uint32Array,
  top: number,
  height: number,
  rows: number,
  columns: number,
  to: Uint32Array,
): void {
  for (let upper = 0; upper < height; upper += TILE) {
    const lower = Math.min(height, upper + TILE);
    for (let left = 0; left < columns; left += TILE) {
      const right = Math.min(columns, left + TILE);
      for (let column = left; column < right; column++) {
        const place = column * rows + top;
        for (let row = upper; row < lower; row++) to[place + row] = from[row * columns + column]!;
      }
    }
  }
}
