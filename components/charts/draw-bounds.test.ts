import { expect, test } from 'vitest';
import { blockAxis, centreOf } from './block-axis.ts';
import { drawBounds } from './draw-bounds.ts';

const axis = blockAxis(6, 600);
const scale = (value: number) => 100 * (1 - value);
const shapes = (low: readonly (number | null)[], high: readonly (number | null)[], ends?: readonly number[]) =>
  String(drawBounds(low, high, axis, scale, '#000', ends)[0]?.attributes.d ?? '').match(/M[^Z]*Z/g) ?? [];

test('a shade goes along the upper bound and back along the lower one', () => {
  const [shape] = shapes([null, 0.5, 0.4], [null, 0.9, 0.8]);
  const [x1, x2] = [1, 2].map((k) => Math.round(centreOf(axis, k) * 100) / 100);
  expect(shape).toBe(`M${x1} 10L${x2} 20L${x2} 60L${x1} 50Z`);
});

test('it breaks where a bound is missing and in front of a seam, and a single block has none', () => {
  const row = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5];
  expect(shapes(row, row)).toHaveLength(1);
  expect(shapes(row, row, [3])).toHaveLength(2);
  expect(shapes(row.with(2, null as never), row)).toHaveLength(2);
  expect(shapes([0.5, null, null, null, null, 0.5], row)).toEqual([]);
});
