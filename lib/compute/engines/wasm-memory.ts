/**
 * What a tab with the engine WASM takes of the machine's memory: a browser does not tell, but the memory of WebAssembly only grows, so that
 * its size is also the most that it was.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { MemoryMeter } from '../../core/analysis/index.ts';

/** A tab with the page, before a model's weights are read: 0.30 GB in Chromium. */
const TAB_BYTES = 300e6;

/** What the types of the backend leave out. */
interface WasmBackend {
  readonly wasm: { readonly HEAPU8: Uint8Array };
}

const bytes = () => TAB_BYTES + (tf.backend() as unknown as WasmBackend).wasm.HEAPU8.byteLength;

export const WASM_MEMORY: MemoryMeter = { now: bytes, peak: bytes };
