/**
 * What a tab with the engine WASM takes of the machine's memory, which a browser does not tell. The memory of WebAssembly only grows: where
 * it grew, its size is the most that was in use since. What lies free in it from before is used again, and counts as free.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { MemoryMeter } from '../../core/analysis/index.ts';

/** A tab with the page, before a model's weights are read: 0.30 GB in Chromium. */
const TAB_BYTES = 300e6;

/** What the types of the backend leave out. */
interface WasmBackend {
  readonly wasm: { readonly HEAPU8: Uint8Array };
}

const heapBytes = () => (tf.backend() as unknown as WasmBackend).wasm.HEAPU8.byteLength;

/** For one measurement, from now on. */
export function wasmMemory(): MemoryMeter {
  const before = heapBytes();
  return {
    now: () => TAB_BYTES + tf.memory().numBytes,
    peak: () => (heapBytes() > before ? TAB_BYTES + heapBytes() : null),
    taken: () => TAB_BYTES + heapBytes(),
  };
}
