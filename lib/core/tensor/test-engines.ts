/**
 * Runs one suite once per TensorFlow.js backend, in Node. For tests only: the one file under lib/core that may touch
 * Node, to find the WASM binaries next to their package, and TensorFlow's library. The backends run as they do in the
 * worker: wasm with this product's kernels, tensorflow where it is set up (`npm test` says whether it was).
 */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import '@tensorflow/tfjs-backend-cpu';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe } from 'vitest';
import { findTensorflow, loadTensorflow } from '../../compute/engines/tensorflow.ts';
import { registerFastWasmKernels } from './fast-wasm-kernels.ts';

/** TensorFlow's library has 850 MB, and a busy machine takes its time to read them. */
export const LOAD_PATIENCE_MS = 120_000;

export type TestEngine = 'cpu' | 'wasm' | 'tensorflow';

export function describePerEngine(engines: readonly TestEngine[], name: string, suite: (engine: TestEngine) => void) {
  for (const engine of engines) {
    if (engine === 'tensorflow' && findTensorflow() === null) continue;
    describe(`${name} on ${engine}`, () => {
      beforeAll(() => startTestEngine(engine), LOAD_PATIENCE_MS);
      suite(engine);
    });
  }
}

export async function startTestEngine(engine: TestEngine): Promise<void> {
  if (engine === 'wasm') {
    const entry = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
    setWasmPaths(`${dirname(entry)}/`);
    registerFastWasmKernels();
  }
  if (engine === 'tensorflow') await loadTensorflow();
  await tf.setBackend(engine);
  await tf.ready();
}
