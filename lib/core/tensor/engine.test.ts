import { expect, test } from 'vitest';
import { ContiguaError } from '../errors.ts';
import { chooseEngine, type EngineCandidate } from './engine.ts';

const webgpu = (over: Partial<EngineCandidate> = {}): EngineCandidate => ({
  name: 'webgpu',
  available: true,
  device: 'NVIDIA ada',
  reason: 'a hardware adapter.',
  preferred: true,
  ...over,
});
const wasm: EngineCandidate = {
  name: 'wasm',
  available: true,
  device: '2 threads, SIMD',
  reason: 'SIMD.',
  preferred: true,
};

test('the first preferred candidate is chosen', () => {
  expect(chooseEngine('auto', [webgpu(), wasm])).toMatchObject({ name: 'webgpu', device: 'NVIDIA ada' });
});

test('a software adapter is passed over with its reason, but runs when asked for by name', () => {
  const software = webgpu({ preferred: false, reason: 'a software adapter.' });
  const chosen = chooseEngine('auto', [software, wasm]);
  expect(chosen.name).toBe('wasm');
  expect(chosen.why).toContain('Not webgpu: a software adapter.');
  expect(chooseEngine('webgpu', [software, wasm]).name).toBe('webgpu');
});

test('an engine that cannot run is refused by name with the reason, never switched silently', () => {
  const refuse = () => chooseEngine('webgpu', [webgpu({ available: false, reason: 'no adapter' }), wasm]);
  expect(refuse).toThrow(ContiguaError);
  expect(refuse).toThrow(/no adapter/);
  expect(() => chooseEngine('tensorflow', [wasm])).toThrow(/not offered/);
});

test('no engine at all is an error that lists why', () => {
  expect(() => chooseEngine('auto', [{ ...wasm, available: false, reason: 'blocked' }])).toThrow(/wasm: blocked/);
});
