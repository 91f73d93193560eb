import { expect, test } from 'vitest';
import { seededRandom } from './random.ts';

const take = (seed: number, count: number) => {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => random.uniform());
};

test('the same seed gives the same numbers and another seed gives others', () => {
  expect(take(7, 20)).toEqual(take(7, 20));
  expect(take(7, 20)).not.toEqual(take(8, 20));
  expect(take(2 ** 32, 20)).not.toEqual(take(0, 20));
});

test('the numbers of seed 7 never change, because shared links and reports depend on them', () => {
  const random = seededRandom(7);
  expect([random.integer(1000), random.integer(1000), random.integer(1000)]).toMatchInlineSnapshot(`
    [
      454,
      63,
      416,
    ]
  `);
});

test('uniform and normal numbers have the moments that they claim', () => {
  const random = seededRandom(1);
  const count = 20_000;
  let [sum, normalSum, normalSquares] = [0, 0, 0];
  for (let i = 0; i < count; i++) {
    sum += random.uniform();
    const z = random.normal();
    normalSum += z;
    normalSquares += z * z;
  }
  expect(Math.abs(sum / count - 0.5)).toBeLessThan(0.01);
  expect(Math.abs(normalSum / count)).toBeLessThan(0.03);
  expect(Math.abs(normalSquares / count - 1)).toBeLessThan(0.03);
});
