/** Plain JavaScript as an engine, the same in every host: slow, there everywhere, and taken only by name. */
import type { EngineCandidate } from '../../core/tensor/index.ts';
import { freshBackend, type Started } from './engine-host.ts';

const DEVICE = 'plain JavaScript';

export const CPU_CANDIDATE: EngineCandidate = {
  name: 'cpu',
  available: true,
  device: DEVICE,
  reason: 'About 30 times slower than WASM: used only when it is asked for by name.',
  preferred: false,
};

export async function startCpu(): Promise<Started> {
  await import('@tensorflow/tfjs-backend-cpu');
  await freshBackend('cpu');
  return { device: DEVICE, threads: 1 };
}
