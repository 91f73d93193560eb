/**
 * What a WebGPU adapter is worth, and how its loss is noticed; used in the page and, where a binding is installed, in
 * Node. A software adapter computes correctly and far slower than WASM, so it is offered by name and never preferred.
 */
import type { EngineCandidate } from '../../core/tensor/index.ts';
import { freshBackend } from './engine-host.ts';
import { isSoftwareRenderer } from './software-renderer.ts';

type AdapterNames = Pick<GPUAdapterInfo, 'description' | 'device' | 'vendor' | 'architecture'>;

const PCI_NUMBER = /^0x[0-9a-f]+$/i;

export async function webgpuCandidate(gpu: GPU | undefined): Promise<EngineCandidate> {
  const none = (reason: string): EngineCandidate => ({
    name: 'webgpu',
    available: false,
    device: '',
    reason,
    preferred: false,
  });
  if (!gpu) return none('This host offers no WebGPU.');
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) return none('WebGPU is there, but it has no adapter.');
    const device = adapterName(adapter.info);
    const software = isSoftware(adapter, device);
    return {
      name: 'webgpu',
      available: true,
      device,
      reason: software ? 'A software adapter: correct, but far slower than WASM.' : 'A graphics processor.',
      preferred: !software,
    };
  } catch (thrown) {
    return none(`WebGPU refused its adapter: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
}

/**
 * The best that is told. Browsers hide parts for privacy. In Node, Dawn names the processor in `device` and its driver in
 * `description`; Chromium has a PCI number and the processor there.
 */
export function adapterName({ description, device, vendor, architecture }: AdapterNames): string {
  const named = [PCI_NUMBER.test(device) ? '' : device, description].filter(Boolean).join(', ');
  return named || [vendor, architecture].filter(Boolean).join(' ') || 'unnamed adapter';
}

function isSoftware(adapter: GPUAdapter, name: string): boolean {
  // Older browsers have the flag on the adapter, newer ones in its info.
  const flagged = [adapter, adapter.info].some((holder) => 'isFallbackAdapter' in holder && holder.isFallbackAdapter);
  return flagged || isSoftwareRenderer(`${name} ${adapter.info.vendor} ${adapter.info.architecture}`);
}

/** Starts a fresh backend on a device of its own and watches it. */
export async function launchWebgpu(lost: (reason: string) => void): Promise<void> {
  const { WebGPUBackend } = await import('@tensorflow/tfjs-backend-webgpu');
  const backend = await freshBackend('webgpu');
  if (!(backend instanceof WebGPUBackend)) throw new Error('TensorFlow.js started another backend');
  watchDevice(backend.device, lost);
}

/** Reports the device's loss, and errors that no call would hear of (out of memory, a refused shader), through `lost`. */
function watchDevice(device: GPUDevice, lost: (reason: string) => void): void {
  device.lost.then(
    ({ reason, message }) => lost(`The WebGPU device was lost (${message.replace(/\.+$/, '') || reason})`),
    (thrown) => lost(`The WebGPU device failed: ${String(thrown)}`),
  );
  device.addEventListener('uncapturederror', (event) => lost(`WebGPU reported an error: ${event.error.message}`));
}
