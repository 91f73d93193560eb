import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { AttemptEnd, GivenBack } from './attempt-end.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test('an orderly end waits for the checkpoint of work that has begun, yet not for ever', () => {
  const end = new AttemptEnd();
  end.beginWork();
  end.inOrder(1_000);
  expect([end.stop.aborted, end.signal.aborted]).toEqual([true, false]);
  vi.advanceTimersByTime(1_000);
  expect(end.signal.reason).toBeInstanceOf(GivenBack);
});

test('an orderly end is at once where nothing has begun', () => {
  const end = new AttemptEnd();
  end.inOrder(1_000);
  expect(end.signal.aborted).toBe(true);
});

test('a student that is being stored is not given up, whether the end was asked for before or after', () => {
  const before = new AttemptEnd();
  before.beginWork();
  before.inOrder(1_000);
  before.trained();
  const after = new AttemptEnd();
  after.beginWork();
  after.trained();
  after.inOrder(1_000);
  vi.advanceTimersByTime(10_000);
  expect([before.signal.aborted, after.signal.aborted]).toEqual([false, false]);
  before.done();
  after.done();
});
