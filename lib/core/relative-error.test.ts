import { expect, test } from 'vitest';
import { relativeError, relativeErrorBounds, sampleErrors } from './relative-error.ts';

test('is that of all samples as one vector', () => {
  const [whole, edited] = [Float32Array.of(3, 4, 0, 2), Float32Array.of(3, 5, 1, 2)];
  const samples = sampleErrors(whole, edited, 2);
  expect(samples).toEqual([
    { difference: 1, whole: 25 },
    { difference: 1, whole: 4 },
  ]);
  expect(relativeError(samples)).toBeCloseTo(Math.sqrt(2 / 29), 12);
});

test('is null where the edited model overflows or the whole one gives zeros', () => {
  expect(relativeError([{ difference: Number.POSITIVE_INFINITY, whole: 1 }])).toBeNull();
  expect(relativeError([{ difference: Number.NaN, whole: 1 }])).toBeNull();
  expect(relativeError([{ difference: 0, whole: 0 }])).toBeNull();
});

test('bounds contain the error and are the same each time', () => {
  const samples = Array.from({ length: 8 }, (_, i) => ({ difference: 1 + (i % 4), whole: 100 }));
  const bounds = relativeErrorBounds(samples)!;
  expect(bounds.low).toBeLessThan(relativeError(samples)!);
  expect(bounds.high).toBeGreaterThan(relativeError(samples)!);
  expect(relativeErrorBounds(samples)).toEqual(bounds);
});

test('draws groups whole: four copies of each prompt make it no surer', () => {
  const prompts = [1, 2, 4, 9].map((difference) => ({ difference, whole: 100 }));
  const copies = prompts.flatMap((one) => [one, one, one, one]);
  const names = prompts.flatMap((_, i) => [i, i, i, i]);
  expect(relativeErrorBounds(copies, names)).toEqual(relativeErrorBounds(prompts));
  const asIfIndependent = relativeErrorBounds(copies)!;
  const honest = relativeErrorBounds(copies, names)!;
  expect(asIfIndependent.high - asIfIndependent.low).toBeLessThan(0.7 * (honest.high - honest.low));
});

test('has no bounds for one group alone', () => {
  expect(relativeErrorBounds([{ difference: 1, whole: 2 }])).toBeNull();
  expect(relativeErrorBounds(new Array(3).fill({ difference: 1, whole: 2 }), ['a', 'a', 'a'])).toBeNull();
});
