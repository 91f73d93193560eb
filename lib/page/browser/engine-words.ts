/** Engines as the page calls them. A report may name one that this version does not know: it is shown as it stands. */
import type { EngineName } from '@/lib/core/tensor/engine.ts';

const WORDS: Readonly<Record<EngineName, string>> = {
  webgpu: 'WebGPU',
  webgl: 'WebGL',
  wasm: 'WASM',
  tensorflow: 'TensorFlow',
  cpu: 'CPU (plain JavaScript)',
};

export function engineWords(name: string): string {
  return Object.entries(WORDS).find(([known]) => known === name)?.[1] ?? name;
}
