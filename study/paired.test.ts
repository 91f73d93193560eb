import { expect, it } from 'vitest';
import { differenceOf, shareOfTeacher } from './paired.ts';
import type { Pictures } from './sample.ts';

const CAPTIONS = 200;
const pictures = (held: (caption: number) => number): Pictures => ({
  held: Array.from({ length: CAPTIONS }, (_, caption) => held(caption)),
  total: new Array<number>(CAPTIONS).fill(10),
  distance: new Array<number>(CAPTIONS).fill(0),
  steps: 20,
});
/** Captions differ widely in what the teacher makes of them. */
const teacher = pictures((caption) => 2 + (caption % 9));

it('has no doubt about an arm that loses the same share of every caption', () => {
  const { value, low, high } = shareOfTeacher([pictures((caption) => (2 + (caption % 9)) / 2)], teacher);
  for (const bound of [value, low, high]) expect(bound).toBeCloseTo(0.5, 12);
});

it('is as unsure as the captions that lose facts are few', () => {
  // Ten of 200 captions lose one fact each of 1,193: the binomial standard deviation is √(10 · 0.95) / 1193.
  const own = pictures((caption) => teacher.held[caption]! - (caption % 20 === 0 ? 1 : 0));
  const facts = teacher.held.reduce((sum, held) => sum + held, 0);
  const { value, low, high } = shareOfTeacher([own], teacher);
  expect(value).toBeCloseTo(1 - 10 / facts, 12);
  const expected = (2 * 1.96 * Math.sqrt(10 * 0.95)) / facts;
  expect((high - low) / expected).toBeGreaterThan(0.85);
  expect((high - low) / expected).toBeLessThan(1.15);
});

it('is not narrowed by seeds that lose the same facts', () => {
  const own = pictures((caption) => teacher.held[caption]! - (caption % 20 === 0 ? 1 : 0));
  expect(shareOfTeacher([own, own, own], teacher)).toEqual(shareOfTeacher([own], teacher));
});

it('sees a difference that both intervals hide', () => {
  // Each fifth caption is lost by both; one more in ten by the second alone.
  const first = pictures((caption) => (caption % 5 === 0 ? 0 : teacher.held[caption]!));
  const second = pictures((caption) => (caption % 5 === 0 || caption % 20 === 1 ? 0 : teacher.held[caption]!));
  const [a, b] = [shareOfTeacher([first], teacher), shareOfTeacher([second], teacher)];
  expect(b.high).toBeGreaterThan(a.low);
  const { value, low } = differenceOf([first], [second], teacher);
  expect(value).toBeCloseTo(a.value - b.value, 12);
  expect(low).toBeGreaterThan(0);
});
