/**
 * Engines of the terminal and of compute processes. TensorFlow's own library where it is set up, WebGPU where the
 * `webgpu` package is; neither is a dependency, and both may fail to load in many ways, each of which becomes a reason
 * shown. Else WASM, which in Node has SIMD but no threads, and plain JavaScript by name.
 */
import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import { ContiguaError } from '../../core/errors.ts';
import { type EngineCandidate, registerFastWasmKernels } from '../../core/tensor/index.ts';
import { CPU_CANDIDATE, startCpu } from './cpu.ts';
import { createEngineHost, type EngineHost, freshBackend, type Started } from './engine-host.ts';
import { describeTensorflow, findTensorflow, loadTensorflow } from './tensorflow.ts';
import { hasSimd } from './wasm-simd.ts';
import { launchWebgpu, webgpuCandidate } from './webgpu.ts';

const WEBGPU_PACKAGE = 'webgpu';
const WEBGL_CANDIDATE: EngineCandidate = {
  name: 'webgl',
  available: false,
  device: '',
  reason: 'WebGL is an engine of browsers, not of a terminal or a server.',
  preferred: false,
};

export function nodeEngines(): EngineHost {
  return createEngineHost({
    async probe(threads) {
      return [
        await tensorflowCandidate(threads),
        await nodeWebgpuCandidate(),
        WEBGL_CANDIDATE,
        wasmCandidate(),
        CPU_CANDIDATE,
      ];
    },
    async launch(name, lost, threads) {
      switch (name) {
        case 'tensorflow':
          return await startTensorflow(threads);
        case 'webgpu':
          return await startWebgpu(lost);
        case 'webgl':
          throw new ContiguaError('engine-unavailable', WEBGL_CANDIDATE.reason);
        case 'wasm':
          return await startWasm();
        case 'cpu':
          return await startCpu();
      }
    },
  });
}

/** Loading it is the only way to know that it loads. */
async function tensorflowCandidate(threads: number | undefined): Promise<EngineCandidate> {
  const none = (reason: string): EngineCandidate => ({
    name: 'tensorflow',
    available: false,
    device: '',
    reason,
    preferred: false,
  });
  const folder = findTensorflow();
  if (!folder) return none('It is not set up here (`npm run engine:tensorflow` does it).');
  try {
    await loadTensorflow(folder, threads);
  } catch (thrown) {
    return none(`It is set up but does not load: ${firstLine(thrown)}`);
  }
  return {
    name: 'tensorflow',
    available: true,
    device: 'libtensorflow',
    reason:
      "TensorFlow's own library, the fastest engine of a processor, and of an NVIDIA GPU where it was set up for one.",
    preferred: true,
  };
}

async function startTensorflow(threads: number | undefined): Promise<Started> {
  const library = await loadTensorflow();
  const device = describeTensorflow(await freshBackend('tensorflow'), library);
  if (threads === undefined || threads === library.threads) return { device, threads: library.threads };
  const note = `It was loaded with ${library.threads} threads before, which only a new process can change.`;
  return { device, threads: library.threads, note };
}

async function nodeWebgpuCandidate(): Promise<EngineCandidate> {
  const loaded = await importOptional(WEBGPU_PACKAGE);
  if ('failure' in loaded) {
    return { name: 'webgpu', available: false, device: '', reason: loaded.failure, preferred: false };
  }
  try {
    offerGpu(loaded.module);
    return await webgpuCandidate(navigator.gpu);
  } catch (thrown) {
    return { name: 'webgpu', available: false, device: '', reason: firstLine(thrown), preferred: false };
  }
}

/** Puts the binding where TensorFlow.js looks for it: `navigator.gpu` and WebGPU's global classes. */
function offerGpu(module: Readonly<Record<string, unknown>>): void {
  if ('gpu' in (globalThis.navigator ?? {})) return;
  const { create, globals } = module;
  if (typeof create !== 'function' || typeof globals !== 'object') throw new Error('Not the `webgpu` package expected');
  Object.assign(globalThis, globals);
  // Node 20 has no navigator; later ones have one that can be extended.
  if (!globalThis.navigator) Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true });
  Object.defineProperty(globalThis.navigator, 'gpu', { value: create([]), configurable: true });
  Object.defineProperty(globalThis, 'WorkerGlobalScope', { value: class {}, configurable: true });
}

async function startWebgpu(lost: (reason: string) => void): Promise<Started> {
  await launchWebgpu(lost);
  return { device: (await nodeWebgpuCandidate()).device, threads: null };
}

function wasmCandidate(): EngineCandidate {
  return {
    name: 'wasm',
    available: true,
    device: describeWasm(),
    reason: 'Runs on one thread of the processor: TensorFlow.js has no WASM threads in Node.',
    preferred: true,
  };
}

function describeWasm(): string {
  return hasSimd() ? '1 thread, SIMD' : '1 thread, no SIMD';
}

async function startWasm(): Promise<Started> {
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
  // Before the backend starts: starting it is what sets its kernels up.
  registerFastWasmKernels();
  const main = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(dirname(main) + sep);
  await freshBackend('wasm');
  return { device: describeWasm(), threads: 1 };
}

/** A package that may be absent, half installed, or built for another platform: whatever it throws is a reason. */
async function importOptional(
  name: string,
): Promise<{ module: Readonly<Record<string, unknown>> } | { failure: string }> {
  try {
    createRequire(import.meta.url).resolve(name);
  } catch {
    return { failure: `The optional package ${name} is not installed.` };
  }
  try {
    const module: Readonly<Record<string, unknown>> = await import(name);
    return { module };
  } catch (thrown) {
    return { failure: `${name} is installed but does not load: ${firstLine(thrown)}` };
  }
}

function firstLine(thrown: unknown): string {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return message.split('\n', 1)[0] ?? message;
}
