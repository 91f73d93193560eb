import { expect, it } from 'vitest';
import { type Attempt, TokenLimit } from './token-limit.ts';

const RULES = { burst: 3, perSecond: 2, line: 4 };

/** Its clock moves when an attempt waits, one turn after the other. */
function limited() {
  let now = 0;
  const lines: string[] = [];
  const waits: number[] = [];
  const limit = new TokenLimit(
    (line) => lines.push(line),
    RULES,
    () => now,
    async (ms) => void waits.push(ms),
  );
  const show = (shown: string, more: Partial<Attempt> = {}) =>
    limit.judge({ source: '10.0.0.1', means: 'bearer', shown, isRight: shown === 'right', ...more });
  return { show, lines, waits, pass: (ms: number) => (now += ms) };
}

it('answers some wrong ones at once, then each in its turn, and unjudged where many wait', async () => {
  const { show, lines, waits, pass } = limited();
  for (let i = 0; i < 3; i++) expect(await show(`a${i}`)).toEqual({ is: 'wrong', seconds: 0 });
  for (let i = 0; i < 3; i++) expect(await show(`b${i}`)).toEqual({ is: 'too-many', seconds: 1 });
  expect(await show('right')).toEqual({ is: 'right' });
  expect(waits).toEqual([500, 1000, 1500, 2000]);
  expect(await show('right')).toEqual({ is: 'too-many', seconds: 3 });
  expect(await show('c')).toEqual({ is: 'too-many', seconds: 3 });
  expect(lines).toHaveLength(6);
  pass(2000);
  expect(await show('right')).toEqual({ is: 'right' });
  expect(waits.at(-1)).toBe(500);
});

it('judges no more than the burst and the turns, however many are shown', async () => {
  const { show, lines, pass } = limited();
  for (let i = 0; i < 10_000; i++) {
    await show(`guess ${i}`);
    pass(10);
  }
  expect(lines.length).toBeLessThanOrEqual(RULES.burst + RULES.perSecond * 100 + RULES.line);
});

it('counts each source, and what other sites have a browser ask, by itself', async () => {
  const { show } = limited();
  for (let i = 0; i < 3; i++) await show(`a${i}`, { isForeign: true });
  expect((await show('b', { isForeign: true })).is).toBe('too-many');
  expect((await show('c')).is).toBe('wrong');
  expect((await show('d', { source: '10.0.0.2' })).is).toBe('wrong');
});

it('counts a wrong one once, and the right one never', async () => {
  const { show, lines } = limited();
  for (let i = 0; i < 50; i++) expect((await show('outdated')).is).toBe('wrong');
  for (let i = 0; i < 50; i++) expect((await show('right')).is).toBe('right');
  expect([(await show('a')).is, (await show('b')).is, (await show('c')).is]).toEqual(['wrong', 'wrong', 'too-many']);
  expect(lines).toHaveLength(4);
});
