/**
 * Replaces the wasm backend's matrix product. The one it comes with runs XNNPACK only on a single untransposed pair of
 * matrices, and a scalar loop, some ten times slower, on batches (attention) and transposed operands (gradients, Gram
 * matrices). This one transposes first and hands XNNPACK the matrices of a batch one by one, as views of the memory
 * that the tensors already have. It also multiplies a batch with a single matrix, which the original gets wrong.
 *
 * Relies on the backend's internals (tensor ids, `registerTensor`), as of version 4.22; the test compares every
 * case with the plain definition.
 */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { registerFastWasmCopies, transposeMatrices } from './fast-wasm-copies.ts';

type MultiplyFunction = (
  a: number,
  aShape: Uint8Array,
  aRank: number,
  b: number,
  bShape: Uint8Array,
  bRank: number,
  transposeA: number,
  transposeB: number,
  out: number,
) => void;

/** Ids of the views, out of reach of the backend's own, which count from 1. */
const [VIEW_A, VIEW_B, VIEW_OUT] = [2 ** 30, 2 ** 30 + 1, 2 ** 30 + 2];
const BYTES = 4;

let registered = false;

/** Call once per thread, after importing the backend and before or after starting it. Again does nothing. */
export function registerFastWasmKernels(): void {
  if (registered) return;
  const original = tf.getKernel('BatchMatMul', 'wasm');
  if (!original) throw new Error('Import @tensorflow/tfjs-backend-wasm before its kernels are replaced');
  const functions = new WeakMap<BackendWasm, MultiplyFunction>();

  tf.unregisterKernel('BatchMatMul', 'wasm');
  tf.registerKernel({
    ...original,
    kernelFunc: (call) => {
      const backend = call.backend as BackendWasm;
      const { a, b } = call.inputs as { a: tf.TensorInfo; b: tf.TensorInfo };
      const { transposeA, transposeB } = call.attrs as unknown as { transposeA: boolean; transposeB: boolean };
      if (a.dtype !== 'float32' || b.dtype !== 'float32') return original.kernelFunc(call);
      const plainA = transposeA ? transposeMatrices(backend, a) : a;
      const plainB = transposeB ? transposeMatrices(backend, b) : b;
      try {
        const product = batchProduct(plainA, plainB);
        return product ?? original.kernelFunc(call);
      } finally {
        if (plainA !== a) backend.disposeData(plainA.dataId);
        if (plainB !== b) backend.disposeData(plainB.dataId);
      }

      /** null where the batch dimensions broadcast in a way that no caller uses. */
      function batchProduct(x: tf.TensorInfo, y: tf.TensorInfo): tf.TensorInfo | null {
        const [rows = 1, inner = 1] = x.shape.slice(-2);
        const [, columns = 1] = y.shape.slice(-2);
        const [batchX, batchY] = [sizeOf(x.shape.slice(0, -2)), sizeOf(y.shape.slice(0, -2))];
        const sameBatch = x.shape.slice(0, -2).join() === y.shape.slice(0, -2).join();
        if (!sameBatch && batchX !== 1 && batchY !== 1) return null;
        const batchShape = tf.broadcast_util.assertAndGetBroadcastShape(x.shape.slice(0, -2), y.shape.slice(0, -2));
        const out = backend.makeOutput([...batchShape, rows, columns], 'float32');
        if (sizeOf(out.shape) === 0 || inner === 0) {
          backend.typedArrayFromHeap(out).fill(0);
          return out;
        }
        const multiply = functions.get(backend) ?? bind(backend);
        functions.set(backend, multiply);
        // One matrix on the right serves all rows of the batch at once.
        const steps = batchY === 1 ? 1 : batchY;
        const stepRows = batchY === 1 ? batchX * rows : rows;
        const shapeX = shapeBytes([1, stepRows, inner]);
        const shapeY = shapeBytes([1, inner, columns]);
        const [offsetX, offsetY, offsetOut] = [x, y, out].map((t) => backend.getMemoryOffset(t.dataId));
        if (offsetX === undefined || offsetY === undefined || offsetOut === undefined) return null;
        const { registerTensor, disposeData } = backend.wasm.tfjs;
        for (let step = 0; step < steps; step++) {
          const stepX = batchX === 1 ? 0 : step * stepRows * inner;
          registerTensor(VIEW_A, stepRows * inner, offsetX + BYTES * stepX);
          registerTensor(VIEW_B, inner * columns, offsetY + BYTES * step * inner * columns);
          registerTensor(VIEW_OUT, stepRows * columns, offsetOut + BYTES * step * stepRows * columns);
          multiply(VIEW_A, shapeX, 3, VIEW_B, shapeY, 3, 0, 0, VIEW_OUT);
          // Disposing B's view also frees the packed copy that XNNPACK made of it.
          disposeData(VIEW_A);
          disposeData(VIEW_B);
          disposeData(VIEW_OUT);
        }
        return out;
      }
    },
  });
  registerFastWasmCopies();
  registered = true;
}

function bind(backend: BackendWasm): MultiplyFunction {
  // Emscripten's export is missing from the package's types.
  const module = backend.wasm as unknown as { cwrap(name: string, returns: null, takes: string[]): MultiplyFunction };
  const takes = ['number', 'array', 'number', 'number', 'array', 'number', 'number', 'number', 'number'];
  return module.cwrap('BatchMatMul', null, takes);
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

function shapeBytes(shape: readonly number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(shape).buffer);
}
