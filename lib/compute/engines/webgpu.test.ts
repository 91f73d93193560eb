import { describe, expect, it } from 'vitest';
import { adapterName, webgpuCandidate } from './webgpu.ts';

const nothing = { description: '', device: '', vendor: '', architecture: '' };

describe('the name of a WebGPU adapter', () => {
  it('tells processor and driver where Dawn tells both', () => {
    const dawn = { ...nothing, device: 'nvidia-h100-80gb-hbm3', description: 'NVIDIA: 580.159.04', vendor: 'nvidia' };
    expect(adapterName(dawn)).toBe('nvidia-h100-80gb-hbm3, NVIDIA: 580.159.04');
  });

  it('leaves out the PCI number that Chromium gives beside the name', () => {
    expect(adapterName({ ...nothing, device: '0x2684', description: 'NVIDIA GeForce RTX 4090' })).toBe(
      'NVIDIA GeForce RTX 4090',
    );
  });

  it('falls back to vendor and architecture, which every browser tells', () => {
    expect(adapterName({ ...nothing, vendor: 'nvidia', architecture: 'hopper' })).toBe('nvidia hopper');
    expect(adapterName(nothing)).toBe('unnamed adapter');
  });
});

describe('a software adapter', () => {
  it.each([
    ['told by its driver', { description: 'SwiftShader driver 5.0.0', device: 'swiftshader-device-subzero-' }],
    ['told by its flag alone', { isFallbackAdapter: true }],
  ])('is offered and not preferred, %s', async (_, info) => {
    const gpu = { requestAdapter: async () => ({ info: { ...nothing, ...info } }) };
    expect(await webgpuCandidate(gpu as unknown as GPU)).toMatchObject({ available: true, preferred: false });
  });
});
