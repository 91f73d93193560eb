/**
 * Which TensorFlow.js backend computes, and why. The choice itself is pure; probing the host for adapters, threads and
 * bindings is the worker's business (workers/engines*.ts). Nothing here switches silently: a refusal is a reason shown.
 */
export type EngineName = 'webgpu' | 'wasm' | 'tensorflow' | 'cpu';

export interface EngineCandidate {
  readonly name: EngineName;
  readonly available: boolean;
  /** What it would run on: an adapter's name, "4 threads, SIMD", "libtensorflow 2.21, CPU". Empty when unavailable. */
  readonly device: string;
  /** One sentence: why it is or is not available or preferred ("software adapter, 50 times slower than WASM"). */
  readonly reason: string;
  /** False for a software adapter or a last resort: usable when asked for by name, never chosen by itself. */
  readonly preferred: boolean;
}

export interface EngineReport {
  readonly name: EngineName;
  readonly device: string;
  readonly threads: number | null;
  /** Whether the user named it or capability chose it, in one sentence. */
  readonly why: string;
  readonly candidates: readonly EngineCandidate[];
}
