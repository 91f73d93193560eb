import { expect, it } from 'vitest';
import { runCase } from './run-case.ts';
import { TARGETS } from './targets.ts';

const SEED = 20;
const FILES = 400;

it('damaged files of every kind are read or refused in a sentence, and none takes long', async () => {
  const outcomes = [];
  for (let index = 0; index < FILES; index++) outcomes.push(await runCase(SEED, index));
  expect(outcomes.filter(({ wrong }) => wrong !== null)).toEqual([]);
  expect(outcomes.filter(({ cpuMs }) => cpuMs > 10_000)).toEqual([]);
  const kinds = new Set(outcomes.map(({ kind }) => kind));
  expect([...kinds].sort()).toEqual(TARGETS.map(({ kind }) => kind).sort());
  // Damage that everything refuses, or that nothing notices, tests little.
  const read = outcomes.filter(({ ended }) => ended === 'read').length;
  expect(read).toBeGreaterThan(FILES / 20);
  expect(read).toBeLessThan(FILES / 2);
});
