/**
 * Which TensorFlow.js backend computes, and why. The choice itself is pure; probing the host for adapters, threads and
 * bindings is the worker's business (lib/compute/engines). Nothing here switches silently: a refusal is a reason shown.
 */
import { ContiguaError } from '../errors.ts';

export const ENGINE_NAMES = ['tensorflow', 'webgpu', 'webgl', 'wasm', 'cpu'] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];
/** What can be asked for; `auto` chooses by capability. */
export const WANTED_ENGINES = ['auto', ...ENGINE_NAMES] as const;
export type WantedEngine = (typeof WANTED_ENGINES)[number];
/** What a terminal or a server can ask for: only browsers have WebGL. */
export const NODE_ENGINES = ['auto', 'tensorflow', 'webgpu', 'wasm', 'cpu'] as const;
export type NodeEngine = (typeof NODE_ENGINES)[number];

export interface EngineCandidate {
  readonly name: EngineName;
  readonly available: boolean;
  /** What it would run on: an adapter's name, "4 threads, SIMD", "libtensorflow 2.21, CPU". Empty when unavailable. */
  readonly device: string;
  /** One sentence: why it is or is not available or preferred ("software adapter, 50 times slower than WASM"). */
  readonly reason: string;
  /** False for a software adapter or a last resort: usable when asked for by name, never chosen by itself. */
  readonly preferred: boolean;
  /** `auto` takes it only after it has computed the golden cases on this device: drivers decide what its shaders compute. */
  readonly checkFirst?: boolean;
}

export interface EngineReport {
  readonly name: EngineName;
  readonly device: string;
  readonly threads: number | null;
  /** Whether the user named it or capability chose it, in one sentence. */
  readonly why: string;
  readonly candidates: readonly EngineCandidate[];
}

/** The user's choice if it can run, else the first preferred candidate, else the first that can run at all. */
export function chooseEngine(wanted: WantedEngine, candidates: readonly EngineCandidate[]): EngineReport {
  const refusals = candidates.map((c) => `${c.name}: ${c.reason}`).join('; ') || 'none was probed';
  if (wanted !== 'auto') {
    const named = candidates.find((c) => c.name === wanted);
    if (!named?.available) {
      throw new ContiguaError('engine-unavailable', `The engine "${wanted}" cannot run here`, {
        found: named?.reason ?? 'not offered on this host',
        expected:
          candidates
            .filter((c) => c.available)
            .map((c) => c.name)
            .join(', ') || 'no engine is available',
        hint: 'Choose another engine, or "auto".',
      });
    }
    return { name: named.name, device: named.device, threads: null, why: 'You chose it.', candidates };
  }
  const chosen = candidates.find((c) => c.available && c.preferred) ?? candidates.find((c) => c.available);
  if (!chosen) {
    throw new ContiguaError('engine-unavailable', 'No engine can run here', {
      found: refusals,
      expected: 'WebGPU, WebAssembly or a native binding',
      hint: 'Use a current browser, or Node 20.20 or newer.',
    });
  }
  const passedOver = candidates.slice(0, candidates.indexOf(chosen));
  const because = passedOver.map((c) => `Not ${c.name}: ${c.reason}`);
  return {
    name: chosen.name,
    device: chosen.device,
    threads: null,
    why: [chosen.reason, ...because].join(' '),
    candidates,
  };
}
