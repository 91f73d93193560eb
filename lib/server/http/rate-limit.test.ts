import { expect, it } from 'vitest';
import { OpenLimit, RateLimit } from './rate-limit.ts';

it('takes a burst, then as many as the seconds give, and says how long to wait', () => {
  let now = 0;
  const limit = new RateLimit(3, 0.5, () => now);
  expect([1, 2, 3].map(() => limit.take('a'))).toEqual([0, 0, 0]);
  expect(limit.take('a')).toBe(2);
  expect(limit.take('b')).toBe(0);
  now += 1999;
  expect(limit.take('a')).toBe(1);
  now += 1;
  expect([limit.take('a'), limit.take('a')]).toEqual([0, 2]);
  now += 3_600_000;
  expect([1, 2, 3, 4].map(() => limit.take('a'))).toEqual([0, 0, 0, 2]);
});

it('remembers a bounded number of callers, those who asked last', () => {
  const limit = new RateLimit(1, 0.001, () => 0);
  limit.take('first');
  limit.take('second');
  for (let i = 0; i < 9_999; i++) limit.take(`other ${i}`);
  expect(limit.take('second')).toBeGreaterThan(0);
  expect(limit.take('first')).toBe(0);
});

it('counts what is open per caller and in all, however often an end is told', () => {
  const open = new OpenLimit(2, 3);
  const [first, second] = [open.enter('a'), open.enter('a')];
  expect(open.enter('a')).toBeNull();
  expect(open.enter('b')).not.toBeNull();
  expect(open.enter('c')).toBeNull();
  first?.();
  first?.();
  second?.();
  expect([open.enter('a'), open.enter('a')].map((leave) => leave !== null)).toEqual([true, true]);
  expect(open.enter('a')).toBeNull();
});
