import { interpolateCividis, interpolateViridis } from 'd3';
import { expect, test } from 'vitest';
import { colourRamp } from './palette.ts';

test.each([
  ['viridis', interpolateViridis],
  ['cividis', interpolateCividis],
] as const)('every step of %s is that of d3', (map, interpolate) => {
  expect(colourRamp(map)).toEqual(Array.from({ length: 256 }, (_, step) => interpolate(step / 255)));
});
