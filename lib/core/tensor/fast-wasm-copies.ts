/**
 * Replaces kernels of the wasm backend that move data about: slices and splits, which copy the whole input out of WebAssembly's
 * memory for every part; sums over leading dimensions, which transpose first; and the transposition of matrices, which walks
 * memory against its grain. All run in JavaScript on the memory itself, tile by tile or run by run; a training step
 * spends a third of its time in the originals. As of version 4.22; the test compares every case with its definition.
 */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';

type Kernel = (call: {
  inputs: tf.NamedTensorInfoMap;
  attrs?: tf.NamedAttrMap;
  backend: BackendWasm;
}) => tf.TensorInfo | tf.TensorInfo[] | null;

/** Small enough that a tile's rows and columns stay in the first cache. */
const TILE = 16;

/** For float32 alone. Whatever else goes to the original, and whatever the replacement answers with null. */
function replaceWasmKernel(name: string, replacement: Kernel): void {
  const original = tf.getKernel(name, 'wasm');
  if (!original) throw new Error('Import @tensorflow/tfjs-backend-wasm before its kernels are replaced');
  tf.unregisterKernel(name, 'wasm');
  tf.registerKernel({
    ...original,
    kernelFunc: (call) => {
      const { inputs, attrs } = call;
      const replaced =
        inputs.x?.dtype === 'float32' ? replacement({ inputs, attrs, backend: call.backend as BackendWasm }) : null;
      return replaced ?? original.kernelFunc(call);
    },
  });
}

/** Valid until the next allocation, which may move WebAssembly's memory: outputs first, then views. */
function onHeap(backend: BackendWasm, x: tf.TensorInfo): Float32Array {
  const values = backend.typedArrayFromHeap(x);
  if (!(values instanceof Float32Array)) throw new TypeError(`Expected float32, found ${x.dtype}`);
  return values;
}

/** [..., rows, columns] → [..., columns, rows]. Owned by the caller, as kernels' outputs are. */
export function transposeMatrices(backend: BackendWasm, x: tf.TensorInfo): tf.TensorInfo {
  const [rows = 1, columns = 1] = x.shape.slice(-2);
  const result = backend.makeOutput([...x.shape.slice(0, -2), columns, rows], 'float32');
  const [from, to] = [onHeap(backend, x), onHeap(backend, result)];
  for (let matrix = 0; matrix < from.length; matrix += rows * columns) {
    for (let top = 0; top < rows; top += TILE) {
      const bottom = Math.min(rows, top + TILE);
      for (let left = 0; left < columns; left += TILE) {
        const right = Math.min(columns, left + TILE);
        for (let i = top; i < bottom; i++) {
          const row = matrix + i * columns;
          for (let j = left; j < right; j++) to[matrix + j * rows + i] = from[row + j]!;
        }
      }
    }
  }
  return result;
}

/** Call once, after importing the backend. */
export function registerFastWasmCopies(): void {
  replaceWasmKernel(tf.Slice, ({ inputs, attrs, backend }) => {
    const { x } = inputs as { x: tf.TensorInfo };
    const { begin, size } = attrs as { begin: number[]; size: number[] };
    const [starts, sizes] = tf.slice_util.parseSliceParams({ ...x, rank: x.shape.length } as tf.Tensor, begin, size);
    return box(backend, x, starts ?? [], sizes ?? []);
  });
  replaceWasmKernel(tf.SplitV, ({ inputs, attrs, backend }) => {
    const { x } = inputs as { x: tf.TensorInfo };
    const { axis, numOrSizeSplits } = attrs as { axis: number; numOrSizeSplits: number | number[] };
    const along = tf.util.parseAxisParam(axis, x.shape)[0] ?? 0;
    let start = 0;
    return tf.backend_util.prepareSplitSize(x as tf.Tensor, numOrSizeSplits, along).map((length) => {
      const part = box(
        backend,
        x,
        x.shape.map((_, dimension) => (dimension === along ? start : 0)),
        x.shape.map((all, dimension) => (dimension === along ? length : all)),
      );
      start += length;
      return part;
    });
  });
  replaceWasmKernel(tf.Sum, ({ inputs, attrs, backend }) => {
    const { x } = inputs as { x: tf.TensorInfo };
    const { axis, keepDims } = attrs as { axis: number | number[]; keepDims: boolean };
    const axes = tf.util.parseAxisParam(axis, x.shape).toSorted((a, b) => a - b);
    const [first = 0, last = first] = [axes[0], axes.at(-1)];
    const inner = tf.util.sizeFromShape(x.shape.slice(last + 1));
    // Along the innermost dimension the original is fast.
    if (last - first + 1 !== axes.length || inner === 1) return null;
    const kept = x.shape.flatMap((length, dimension) => (axes.includes(dimension) ? (keepDims ? [1] : []) : [length]));
    return columnSums(backend, x, kept, inner, tf.util.sizeFromShape(x.shape.slice(first, last + 1)));
  });
}

/** The elements of x from `starts` on, `sizes` of each dimension: run by run of what is contiguous. */
function box(
  backend: BackendWasm,
  x: tf.TensorInfo,
  starts: readonly number[],
  sizes: readonly number[],
): tf.TensorInfo {
  const result = backend.makeOutput([...sizes], 'float32');
  const [from, to] = [onHeap(backend, x), onHeap(backend, result)];
  if (to.length === 0) return result;
  const strides = [...tf.util.computeStrides([...x.shape]), 1];
  const first = starts.reduce((offset, start, dimension) => offset + start * (strides[dimension] ?? 1), 0);
  // Dimensions after this one are whole, so that a run covers them.
  const cut = sizes.findLastIndex((size, dimension) => size !== x.shape[dimension]);
  const run = cut < 0 ? to.length : tf.util.sizeFromShape(sizes.slice(cut));
  const places = sizes.slice(0, Math.max(0, cut)).map(() => 0);
  for (let done = 0; done < to.length; done += run) {
    const offset = places.reduce((sum, place, dimension) => sum + place * (strides[dimension] ?? 1), first);
    to.set(from.subarray(offset, offset + run), done);
    for (let dimension = places.length - 1; dimension >= 0; dimension--) {
      places[dimension] = (places[dimension] ?? 0) + 1;
      if (places[dimension] !== sizes[dimension]) break;
      places[dimension] = 0;
    }
  }
  return result;
}

/** x as [outer, summed, inner] → [outer, inner] under the shape given. Sums are rounded once. */
function columnSums(
  backend: BackendWasm,
  x: tf.TensorInfo,
  shape: number[],
  inner: number,
  summed: number,
): tf.TensorInfo {
  const result = backend.makeOutput(shape, 'float32');
  const [from, to] = [onHeap(backend, x), onHeap(backend, result)];
  const sums = new Float64Array(inner);
  for (let start = 0, done = 0; done < to.length; done += inner) {
    sums.fill(0);
    for (let row = 0; row < summed; row++, start += inner) {
      for (let column = 0; column < inner; column++) sums[column]! += from[start + column]!;
    }
    to.set(sums, done);
  }
  return result;
}
