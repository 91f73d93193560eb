import { beforeEach, expect, test, vi } from 'vitest';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import { DEFAULT_LIMITS, type limitsStore } from './analysis-limits.ts';
import { type calibrationStore, DEFAULT_CALIBRATION } from './calibration.ts';
import type { modelStore } from './model.ts';

const SUMMARY = { fingerprint: 'sha256:00', sizeBytes: 2e9 } as ModelSummary;
const CHOICE = { ...DEFAULT_CALIBRATION, kind: 'synthetic' } as const;

const stored = new Map<string, string>();
beforeEach(() => {
  stored.clear();
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, text: string) => void stored.set(key, text),
    removeItem: (key: string) => void stored.delete(key),
  });
});

/** As a page that was loaded anew, with the same model and settings open. */
async function loaded() {
  vi.resetModules();
  const page = await import('./interrupted.ts');
  const [models, choices, limits] = await Promise.all([
    import('./model.ts') as Promise<{ modelStore: typeof modelStore }>,
    import('./calibration.ts') as Promise<{ calibrationStore: typeof calibrationStore }>,
    import('./analysis-limits.ts') as Promise<{ limitsStore: typeof limitsStore }>,
  ]);
  models.modelStore.setState({ summary: SUMMARY });
  choices.calibrationStore.setState(CHOICE);
  limits.limitsStore.setState(DEFAULT_LIMITS);
  return { ...page, ...models, ...choices, ...limits };
}

test('an interrupted analysis is told after a reload, for its own model and settings alone', async () => {
  (await loaded()).noteInterrupted(SUMMARY, CHOICE, 3);
  const page = await loaded();
  expect(page.presentInterrupted()).toMatchObject({ captured: 3 });
  page.limitsStore.setState({ tokens: 512 });
  expect(page.presentInterrupted()).toBeNull();
  // More intervals are measured on the same states.
  page.limitsStore.setState({ tokens: null, damageIntervals: 2 });
  expect(page.presentInterrupted()).toMatchObject({ captured: 3 });
  page.calibrationStore.setState({ seed: 2 });
  expect(page.presentInterrupted()).toBeNull();
  page.calibrationStore.setState(CHOICE);
  page.modelStore.setState({ summary: { ...SUMMARY, fingerprint: 'sha256:01' } });
  expect(page.presentInterrupted()).toBeNull();
});

test('a finished analysis is not told as interrupted, nor is what cannot be read', async () => {
  const page = await loaded();
  page.noteInterrupted(SUMMARY, CHOICE, 3);
  page.forgetInterrupted();
  expect(page.presentInterrupted()).toBeNull();
  expect((await loaded()).presentInterrupted()).toBeNull();
  for (const text of ['{', '{"fingerprint":1}', '[]', 'null']) {
    stored.set('contigua:interrupted', text);
    expect((await loaded()).presentInterrupted()).toBeNull();
  }
});

test('blocks that an analysis reads again stay kept; another analysis, which removes them, is told from its first block on', async () => {
  const page = await loaded();
  page.noteInterrupted(SUMMARY, CHOICE, 6);
  page.noteInterrupted(SUMMARY, CHOICE, 1);
  expect(page.presentInterrupted()).toMatchObject({ captured: 6 });
  const other = { ...CHOICE, seed: 2 };
  page.calibrationStore.setState(other);
  page.noteInterrupted(SUMMARY, other, 0);
  expect(page.presentInterrupted()).toBeNull();
  page.calibrationStore.setState(CHOICE);
  expect(page.presentInterrupted()).toBeNull();
  expect(stored.size).toBe(0);
});

test('an interrupted analysis of a trace is told whatever inputs a model would be given, and not for another trace', async () => {
  const summary = { ...SUMMARY, trace: { digits: 'ab', label: '', rows: {} } };
  const page = await loaded();
  page.noteInterrupted(summary, { ...CHOICE, kind: 'file' }, 3);
  page.modelStore.setState({ summary });
  expect(page.presentInterrupted()).toMatchObject({ captured: 3 });
  page.modelStore.setState({ summary: { ...summary, trace: { ...summary.trace, digits: 'cd' } } });
  expect(page.presentInterrupted()).toBeNull();
});
