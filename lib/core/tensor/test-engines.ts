/**
 * Runs one suite once per TensorFlow.js backend, in Node. For tests only: the one file under lib/core that may touch
 * Node, to find the WASM binaries next to their package. The wasm backend runs with this product's kernels, as it does
 * in the worker.
 */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import '@tensorflow/tfjs-backend-cpu';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe } from 'vitest';
import { registerFastWasmKernels } from './fast-wasm-kernels.ts';

export type TestEngine = 'cpu' | 'wasm';

export function describePerEngine(engines: readonly TestEngine[], name: string, suite: (engine: TestEngine) => void) {
  for (const engine of engines) {
    describe(`${name} on ${engine}`, () => {
      beforeAll(() => startTestEngine(engine));
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
  await tf.setBackend(engine);
  await tf.ready();
}
