/**
 * Engines of the page's worker. WebGPU wherever a real adapter exists, else WebGL on a graphics processor that passes the golden
 * cases, else WASM with SIMD and, in an isolated page, threads; plain JavaScript only by name. Backends are imported when started, so an unused one is never downloaded.
 */
import * as tf from '@tensorflow/tfjs-core';
import { offerFloat64Helpers } from '../../core/analysis/index.ts';
import { ContiguaError } from '../../core/errors.ts';
import { selfCheck } from '../../core/model/index.ts';
import { type EngineCandidate, registerFastWasmKernels } from '../../core/tensor/index.ts';
import { CPU_CANDIDATE, startCpu } from './cpu.ts';
import { createEngineHost, type EngineHost, freshBackend, type Started, withDeadline } from './engine-host.ts';
import { startFloat64Helpers } from './float64-helpers.ts';
import { browserChecks, keptChecks } from './kept-checks.ts';
import { hasSimd } from './wasm-simd.ts';
import { launchWebgl, webglCandidate } from './webgl.ts';
import { launchWebgpu, webgpuCandidate } from './webgpu.ts';

/** Where next.config.mjs puts the backend's untouched files (scripts/engine-files.mjs). */
const ENGINE_FILES = '/engines/';
/** Threaded start-up loads eight small scripts; on a slow machine that takes under two seconds. */
const THREADS_DEADLINE_MS = 15_000;
/** The backend's own upper bound. */
const MAX_THREADS = 8;

/** `build` names the code that computes, for results of checks that are kept; without one, none is. */
export function browserEngines(build?: string): EngineHost {
  offerFloat64Helpers(startFloat64Helpers);
  const browserAndBuild = `${navigator.userAgent}, build ${build}`;
  return createEngineHost({
    check: keptChecks(selfCheck, build ? browserChecks(browserAndBuild) : null, browserAndBuild),
    async probe(threads) {
      return [await webgpuCandidate(navigator.gpu), webglCandidate(), wasmCandidate(threads), CPU_CANDIDATE];
    },
    async launch(name, lost, threads) {
      switch (name) {
        case 'webgpu':
          return await startWebgpu(lost);
        case 'webgl':
          return { device: await launchWebgl(lost), threads: null };
        case 'wasm':
          return await startWasm(planThreads(threads));
        case 'cpu':
          return await startCpu();
        case 'tensorflow':
          throw new ContiguaError('engine-unavailable', 'TensorFlow is an engine of the terminal, not of a browser');
      }
    },
  });
}

interface ThreadPlan {
  readonly threads: number;
  readonly reason: string;
}

/**
 * Half of the logical cores. The threads of one product wait for each other in a loop: as soon as one shares its core,
 * with the page or anything else, all of them are slowed down, on two busy cores to a fifth of what one thread does.
 */
function planThreads(asked?: number): ThreadPlan {
  if (!self.crossOriginIsolated) {
    return { threads: 1, reason: 'on one thread, because the page is not cross-origin isolated' };
  }
  const cores = navigator.hardwareConcurrency || 1;
  const wanted = asked ?? cores / 2;
  const threads = Math.max(1, Math.min(MAX_THREADS, Math.floor(wanted)));
  const named = threads === 1 ? '1 thread' : `${threads} threads`;
  return {
    threads,
    reason: asked === undefined ? `on ${named} of ${cores} logical cores` : `on ${named} as asked for`,
  };
}

function wasmCandidate(threads?: number): EngineCandidate {
  const plan = planThreads(threads);
  const simd = hasSimd();
  return {
    name: 'wasm',
    available: typeof WebAssembly === 'object',
    device: describeWasm(plan.threads, simd),
    reason: simd ? `Runs on the processor, ${plan.reason}.` : 'Runs on the processor without SIMD, which is slow.',
    preferred: true,
  };
}

function describeWasm(threads: number, simd: boolean): string {
  return `${threads} ${threads === 1 ? 'thread' : 'threads'}${simd ? ', SIMD' : ', no SIMD'}`;
}

async function startWebgpu(lost: (reason: string) => void): Promise<Started> {
  await launchWebgpu(lost);
  const { device } = await webgpuCandidate(navigator.gpu);
  return { device, threads: null };
}

async function startWasm({ threads }: ThreadPlan): Promise<Started> {
  const wasm = await import('@tensorflow/tfjs-backend-wasm');
  // Before the backend starts: starting it is what sets its kernels up.
  registerFastWasmKernels();
  wasm.setWasmPaths(new URL(ENGINE_FILES, self.location.origin).href);
  const simd = hasSimd();
  // Threads come with the SIMD binary only.
  if (threads > 1 && simd) {
    const failure = await startThreaded(wasm.setThreadsCount, threads);
    if (failure === null) {
      const running = wasm.getThreadsCount();
      return { device: describeWasm(running, true), threads: running };
    }
    await startUnthreaded();
    return {
      device: describeWasm(1, true),
      threads: 1,
      note: `Threads did not start (${failure}), so it runs on one.`,
    };
  }
  await startUnthreaded();
  return { device: describeWasm(1, simd), threads: 1 };
}

/** Null when it runs, else why it does not: a page must not hang where a browser extension or proxy blocks a script. */
async function startThreaded(setThreadsCount: (threads: number) => void, threads: number): Promise<string | null> {
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', true);
  setThreadsCount(threads);
  // The backend takes at most half of what the browser reports, which on two cores would always be one thread.
  Object.defineProperty(navigator, 'hardwareConcurrency', { value: 2 * threads, configurable: true });
  try {
    await withDeadline(freshBackend('wasm'), THREADS_DEADLINE_MS, `no answer in ${THREADS_DEADLINE_MS / 1000} s`);
    return null;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  } finally {
    Reflect.deleteProperty(navigator, 'hardwareConcurrency');
  }
}

async function startUnthreaded(): Promise<void> {
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  await freshBackend('wasm');
}
