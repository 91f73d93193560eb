import { expect, test } from 'vitest';
import type { BlockInterval } from '../interval/interval.ts';
import { seededRandom } from '../random.ts';
import { leastDamage } from './partition.ts';

/** All sets of disjoint intervals of n blocks. */
function* everyChoice(numBlocks: number, from = 0): Generator<BlockInterval[]> {
  yield [];
  for (let first = from; first < numBlocks; first++) {
    for (let last = first + 1; last < numBlocks; last++) {
      for (const rest of everyChoice(numBlocks, last + 1)) yield [{ first, last }, ...rest];
    }
  }
}
const removedBy = (intervals: readonly BlockInterval[]) =>
  intervals.reduce((n, { first, last }) => n + last - first, 0);

test('is as good as the best of all choices, for every number of blocks', () => {
  const random = seededRandom(4);
  for (let trial = 0; trial < 5; trial++) {
    const damages = Array.from({ length: 49 }, () => random.uniform());
    const damageOf = ({ first, last }: BlockInterval) => damages[7 * first + last]! * (last - first);
    const total = (intervals: readonly BlockInterval[]) => intervals.reduce((sum, one) => sum + damageOf(one), 0);
    for (let remove = 0; remove < 7; remove++) {
      const candidates = [...everyChoice(7)].filter((choice) => removedBy(choice) === remove);
      const chosen = leastDamage({ numBlocks: 7 }, remove, damageOf);
      expect(removedBy(chosen)).toBe(remove);
      expect(total(chosen)).toBeCloseTo(Math.min(...candidates.map(total)), 12);
    }
  }
});

test('takes no interval that the report says nothing about, and fewer blocks where nothing else is possible', () => {
  const damageOf = ({ first, last }: BlockInterval) => (first === 2 && last === 4 ? 1 : null);
  expect(leastDamage({ numBlocks: 8 }, 2, damageOf)).toEqual([{ first: 2, last: 4 }]);
  expect(leastDamage({ numBlocks: 8 }, 5, damageOf)).toEqual([{ first: 2, last: 4 }]);
  expect(leastDamage({ numBlocks: 8 }, 1, damageOf)).toEqual([]);
});

test('no more is removed than there is', () => {
  expect(leastDamage({ numBlocks: 4 }, 99, () => 1)).toEqual([{ first: 0, last: 3 }]);
  expect(leastDamage({ numBlocks: 4 }, 0, () => 1)).toEqual([]);
});
