/**
 * TensorFlow's own library as an engine of Node: the binding that `npm run engine:tensorflow` builds, or a normally
 * installed @tensorflow/tfjs-node(-gpu). Its kernels and its backend are loaded one by one instead of through the
 * package's index, which brings the whole union of TensorFlow.js and talks on stdout. Both must meet the one copy of
 * TensorFlow.js' core that computes here: with two, kernels would be registered with an engine that nobody uses.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import nodeUtil from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { offerFloat64 } from '../../core/analysis/index.ts';
import { registerFastTensorflowProduct } from '../../core/tensor/fast-tensorflow-product.ts';
import { offerRecorder } from '../../core/tensor/recording.ts';
import { isTensorflowBinding, TensorflowFloat64 } from './tensorflow-float64.ts';
import { runsGraphs, TensorflowGraphs } from './tensorflow-graphs.ts';

/** Made by scripts/engine-tensorflow.mjs: `package` beside a `node_modules` that stands for the union package. */
const OWN_FOLDER = fileURLToPath(new URL('../../../.engines/tensorflow', import.meta.url));
const PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'];
const SET_UP = '`npm run engine:tensorflow` sets it up';

export interface TensorflowLibrary {
  /** Numeric threads of one operation, fixed when the library was loaded. */
  readonly threads: number;
}

let loaded: TensorflowLibrary | null = null;

/** Where the binding is, or null: asked without loading it. */
export function findTensorflow(folder = OWN_FOLDER): string | null {
  // The stamp is written last.
  if (existsSync(join(folder, 'ready.json'))) return join(folder, 'package');
  const require = createRequire(import.meta.url);
  for (const name of PACKAGES) {
    try {
      return dirname(require.resolve(`${name}/package.json`));
    } catch {
      // not installed: the next one
    }
  }
  return null;
}

/**
 * Registers the backend `tensorflow` with TensorFlow.js, once per thread; rejects with the reason where it cannot.
 * `threads` holds for the process's first load only, as the library reads it when it starts.
 */
export async function loadTensorflow(
  folder = findTensorflow() ?? undefined,
  threads?: number,
): Promise<TensorflowLibrary> {
  if (loaded) return loaded;
  if (folder === undefined) throw new Error(`it is not set up: ${SET_UP}`);
  const count = prepareEnvironment(threads);
  restoreUtil();
  const require = createRequire(join(folder, 'package.json'));
  const { name }: { name?: unknown } = require('./package.json');
  require('./dist/register_all_kernels.js');
  const { NodeJSKernelBackend }: { NodeJSKernelBackend?: unknown } = require('./dist/nodejs_kernel_backend.js');
  if (typeof NodeJSKernelBackend !== 'function') throw new Error(`${folder} holds no backend`);
  if (!tf.getKernel('BatchMatMul', 'tensorflow')) {
    throw new Error(`it brought another TensorFlow.js than version ${tf.version_core}: ${SET_UP}`);
  }
  const binding: unknown = require('./lib/napi-v8/tfjs_binding.node');
  registerFastTensorflowProduct();
  tf.registerBackend('tensorflow', () => Reflect.construct(NodeJSKernelBackend, [binding, name]));
  if (isTensorflowBinding(binding)) offerFloat64('tensorflow', new TensorflowFloat64(binding));
  if (runsGraphs(binding)) offerRecorder('tensorflow', new TensorflowGraphs());
  loaded = { threads: count };
  return loaded;
}

/** "libtensorflow 2.21.0, CPU, 2 threads": only the running backend tells. */
export function describeTensorflow(backend: object, { threads }: TensorflowLibrary): string {
  const binding = 'binding' in backend ? backend.binding : null;
  const version = typeof binding === 'object' && binding !== null && 'TF_Version' in binding ? binding.TF_Version : '';
  const onGpu = 'isUsingGpuDevice' in backend && backend.isUsingGpuDevice === true;
  const processor = onGpu ? 'GPU' : `CPU, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  return `${`libtensorflow ${version}`.trim()}, ${processor}`;
}

/** The library reads its environment once. Warnings about instruction sets are no news to anyone. */
function prepareEnvironment(threads: number | undefined): number {
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  if (threads !== undefined) {
    process.env.TF_NUM_INTRAOP_THREADS = String(threads);
    process.env.OMP_NUM_THREADS = String(threads);
  }
  // Graphs run one operation after the other, as single operations do.
  process.env.TF_NUM_INTEROP_THREADS ??= '1';
  const asked = Number(process.env.TF_NUM_INTRAOP_THREADS);
  return asked > 0 ? asked : availableParallelism();
}

/** tfjs-node 4.22 still calls what Node 23 took out of `util`. */
function restoreUtil(): void {
  const removed = {
    isNullOrUndefined: (value: unknown) => value === null || value === undefined,
    isArray: Array.isArray,
  };
  for (const [name, restored] of Object.entries(removed)) {
    if (!(name in nodeUtil)) Object.defineProperty(nodeUtil, name, { value: restored, configurable: true });
  }
}
