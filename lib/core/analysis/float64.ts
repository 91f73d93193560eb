/** Which float64 algebra is in use: WebAssembly SIMD, or what the engine in use brings (`offerFloat64`). */
import * as tf from '@tensorflow/tfjs-core';
import type { Float64Algebra } from './float64-algebra.ts';
import { BlockedAlgebra } from './float64-blocked.ts';
import { type ProductKernel, plainKernel, wasmKernel } from './float64-kernel.ts';
import { type ProductHelper, threadedKernel } from './float64-threads.ts';

const offered = new Map<string, Float64Algebra>();
let own: Float64Algebra | null = null;
let startHelpers: () => readonly ProductHelper[] = () => [];

/** Threads that help with products, started at the first one. To be called before it. */
export function offerFloat64Helpers(start: () => readonly ProductHelper[]): void {
  startHelpers = start;
}

/** What takes the place of WebAssembly while `engine` is TensorFlow.js' backend. */
export function offerFloat64(engine: string, algebra: Float64Algebra): void {
  offered.set(engine, algebra);
}

export function float64Algebra(): Float64Algebra {
  return offered.get(tf.getBackend()) ?? ownFloat64();
}

/** WebAssembly, and plain JavaScript where there is no WebAssembly SIMD. */
export function ownFloat64(): Float64Algebra {
  own ??= new BlockedAlgebra(fastestKernel());
  return own;
}

function fastestKernel(): ProductKernel {
  return threadedKernel(startHelpers) ?? wasmKernel() ?? plainKernel();
}
