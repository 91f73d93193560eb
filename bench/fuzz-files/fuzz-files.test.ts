import { beforeAll, describe, expect, it } from 'vitest';
import { type Outcome, runCase } from './run-case.ts';
import { TARGETS } from './targets.ts';

const SEED = 20;
const FILES = 400;

describe('damaged files of every kind', () => {
  const outcomes: Outcome[] = [];
  beforeAll(async () => {
    for (let index = 0; index < FILES; index++) outcomes.push(await runCase(SEED, index));
  }, 180_000);

  it('are read, or refused with a code of their own', () => {
    expect(outcomes.filter(({ wrong }) => wrong !== null)).toEqual([]);
  });

  it('take no long time', () => {
    expect(outcomes.filter(({ cpuMs }) => cpuMs > 10_000)).toEqual([]);
  });

  it('are refused in a sentence that a page and a terminal can show', () => {
    expect(outcomes.filter(({ unclear }) => unclear !== null)).toEqual([]);
  });

  it('reach the readers: some of every kind, some of them still readable', () => {
    const kinds = new Set(outcomes.map(({ kind }) => kind));
    expect([...kinds].sort()).toEqual(TARGETS.map(({ kind }) => kind).sort());
    const read = outcomes.filter(({ ended }) => ended === 'read').length;
    expect(read).toBeGreaterThan(FILES / 20);
    expect(read).toBeLessThan(FILES / 2);
  });
});
