import { expect, test } from 'vitest';
import type { SelfCheck } from '../../core/model/index.ts';
import { type CheckStore, keptChecks } from './kept-checks.ts';

const PASSED: SelfCheck = { maxAbsError: 1e-5, tolerance: 2e-4 };

function counted(result: SelfCheck) {
  const counts = { checks: 0 };
  const check = async () => {
    counts.checks++;
    return result;
  };
  return { counts, check };
}

function memoryStore(): CheckStore & { readonly held: Map<string, unknown> } {
  const held = new Map<string, unknown>();
  return { held, get: async (key) => held.get(key), put: async (key, check) => void held.set(key, check) };
}

test('a device is checked once for each version of the browser, whether it passed or not', async () => {
  const store = memoryStore();
  for (const result of [PASSED, { ...PASSED, maxAbsError: 0.1 }]) {
    const { counts, check } = counted(result);
    const browser = `browser of ${result.maxAbsError}`;
    for (let visit = 0; visit < 3; visit++) expect(await keptChecks(check, store, browser)('device')).toEqual(result);
    expect(counts.checks).toBe(1);
    await keptChecks(check, store, browser)('another device');
    await keptChecks(check, store, `${browser}, next version`)('device');
    expect(counts.checks).toBe(3);
  }
});

test('a check that fails is not kept: the context may have been lost', async () => {
  const store = memoryStore();
  const failing = keptChecks(() => Promise.reject(new Error('The context was lost')), store, 'browser');
  await expect(failing('device')).rejects.toThrow('The context was lost');
  expect(store.held.size).toBe(0);
});

test.each<[string, CheckStore | null]>([
  [
    'refuses to be read and written',
    { get: () => Promise.reject(new Error('no')), put: () => Promise.reject(new Error('no')) },
  ],
  ['holds something else', { get: async () => ({ maxAbsError: 'small' }), put: async () => {} }],
  ['is not there', null],
])('where the store %s, the device is checked each time', async (_, store) => {
  const { counts, check } = counted(PASSED);
  const device = keptChecks(check, store, 'browser');
  expect([await device('d'), await device('d')]).toEqual([PASSED, PASSED]);
  expect(counts.checks).toBe(2);
});
