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

const kept = (result: SelfCheck, keptFromMs: number | null = null) => ({ ...result, keptFromMs });

test('an engine is checked once for each build, whether it passed or not, and what is kept says since when', async () => {
  const store = memoryStore();
  for (const result of [PASSED, { ...PASSED, maxAbsError: 0.1 }]) {
    const { counts, check } = counted(result);
    const browser = `browser of ${result.maxAbsError}`;
    expect(await keptChecks(check, store, browser, () => 7)('wasm')).toEqual(kept(result));
    for (let visit = 0; visit < 2; visit++) {
      expect(await keptChecks(check, store, browser, () => 9)('wasm')).toEqual(kept(result, 7));
    }
    expect(counts.checks).toBe(1);
    await keptChecks(check, store, browser)('webgl');
    await keptChecks(check, store, `${browser}, next version`)('wasm');
    expect(counts.checks).toBe(3);
  }
});

test('a result of this visit is no kept one, however often it is asked for', async () => {
  const store = memoryStore();
  const { counts, check } = counted(PASSED);
  const visit = keptChecks(check, store, 'browser', () => 1);
  for (let asked = 0; asked < 3; asked++) expect(await visit('webgl')).toEqual(kept(PASSED));
  expect(counts.checks).toBe(1);
  expect(await keptChecks(check, store, 'browser', () => 2)('webgl')).toEqual(kept(PASSED, 1));
});

test('a check that is asked for again runs, and takes the place of the kept one', async () => {
  const store = memoryStore();
  await keptChecks(counted(PASSED).check, store, 'browser', () => 1)('wasm');
  const wrong = { ...PASSED, maxAbsError: 0.1 };
  expect(await keptChecks(counted(wrong).check, store, 'browser', () => 2)('wasm', true)).toEqual(kept(wrong));
  expect(await keptChecks(counted(PASSED).check, store, 'browser', () => 3)('wasm')).toEqual(kept(wrong, 2));
});

test.each([
  ['older than a month', 31],
  ['of a time to come', -31],
])('a result %s counts no longer', async (_, days) => {
  const store = memoryStore();
  const { counts, check } = counted(PASSED);
  await keptChecks(check, store, 'browser', () => 0)('wasm');
  await keptChecks(check, store, 'browser', () => days * 24 * 3_600_000)('wasm');
  expect(counts.checks).toBe(2);
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
  ['holds a result of an earlier version, without its time', { get: async () => PASSED, put: async () => {} }],
  ['is not there', null],
])('where the store %s, the device is checked each time', async (_, store) => {
  const { counts, check } = counted(PASSED);
  const device = keptChecks(check, store, 'browser');
  expect([await device('d'), await device('d')]).toEqual([kept(PASSED), kept(PASSED)]);
  expect(counts.checks).toBe(2);
});
