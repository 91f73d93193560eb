import { expect, test } from 'vitest';
import type { EngineCandidate } from '../../core/tensor/index.ts';
import { createEngineHost, type HostEngines } from './engine-host.ts';

const offered = { available: true, device: 'd', reason: 'Good.', preferred: true } as const;
const webgl: EngineCandidate = { ...offered, name: 'webgl', checkFirst: true };
const wasm: EngineCandidate = { ...offered, name: 'wasm', reason: 'Everywhere.' };
const passing = { maxAbsError: 1e-5, tolerance: 2e-4, keptFromMs: null };

/** A host of WebGL and WASM that keeps what was started, in order. */
function host(engines: Partial<HostEngines>) {
  const started: string[] = [];
  const made = createEngineHost({
    probe: async () => [webgl, wasm],
    launch: async (name) => {
      started.push(name);
      return { device: `a ${name} device`, threads: null };
    },
    check: async () => passing,
    ...engines,
  });
  return { made, started };
}

test('an engine that must be checked first is taken by auto where it passes, and the report says so', async () => {
  const { made, started } = host({});
  const { name, why } = await made.start('auto');
  expect(name).toBe('webgl');
  expect(why).toBe('Good. It passed the reference check: off by 1.0e-5 from the reference, at most 2e-4 allowed.');
  expect(started).toEqual(['webgl']);
});

test.each([
  ['is off', async () => ({ ...passing, maxAbsError: 3e-2 }), /off by 3.0e-2 .* at most 2e-4/],
  ['gives no numbers', async () => ({ ...passing, maxAbsError: Number.NaN }), /off by NaN/],
  ['fails', async () => Promise.reject(new Error('a shader does not compile')), /a shader does not compile/],
])('where its check %s, the next engine is taken and the reason named', async (_, check, reason) => {
  const { made, started } = host({ check });
  const report = await made.start('auto');
  expect(report.name).toBe('wasm');
  expect(report.why).toMatch(/^Everywhere\. Not webgl: /);
  expect(report.why).toMatch(reason);
  expect(report.candidates[0]).toMatchObject({
    name: 'webgl',
    available: false,
    reason: expect.stringMatching(reason),
  });
  expect(started).toEqual(['webgl', 'wasm']);
});

test('a device that is lost during the check, which then never ends, is no loss of the engine in use', async () => {
  const losses: string[] = [];
  const { made } = host({
    launch: async (name, lost) => {
      if (name === 'webgl') setTimeout(() => lost('The context was lost'));
      return { device: 'd', threads: null };
    },
    check: () => new Promise(() => {}),
  });
  made.onLost((reason) => losses.push(reason));
  const report = await made.start('auto');
  expect(report).toMatchObject({ name: 'wasm', why: 'Everywhere. Not webgl: The context was lost.' });
  expect(made.isLost()).toBe(false);
  expect(losses).toEqual([]);
});

test('by name it is started without the check, and refused where it does not start', async () => {
  const unchecked = host({ check: () => Promise.reject(new Error('not asked for')) });
  expect(await unchecked.made.start('webgl')).toMatchObject({ name: 'webgl', why: 'You chose it.' });
  const { made } = host({ launch: () => Promise.reject(new Error('no context')) });
  await expect(made.start('webgl')).rejects.toMatchObject({
    code: 'engine-unavailable',
    details: { found: 'no context' },
  });
});

test('an engine without a need for a check that does not start is an error, also by auto', async () => {
  const { made } = host({
    probe: async () => [wasm],
    launch: () => Promise.reject(new Error('the binary is missing')),
  });
  await expect(made.start('auto')).rejects.toMatchObject({ details: { found: 'the binary is missing' } });
});
