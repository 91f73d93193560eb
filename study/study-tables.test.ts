import { expect, it } from 'vitest';
import type { ArmRow } from './experiments.ts';
import { armTable } from './study-tables.ts';

const pictures = { held: [8, 9], total: [10, 10], distance: [1, 1], steps: 20 };
const row = (seed: number, error: number): ArmRow => ({
  ...{ arm: 'random', removed: 2, intervals: `[[${seed},${seed + 1}]]`, seed, outputError: error, pictures },
  sampleErrors: Array.from({ length: 64 }, (_, i) => ({ difference: error ** 2 * (1 + (i % 3) / 100), whole: 1 })),
});

it('gives the output error of several choices on all their samples together, inside its interval', () => {
  const [, , line = ''] = armTable([row(0, 0.01), row(1, 0.1), row(2, 0.02)], new Map()).split('\n');
  const [, value, low, high] = /\| ([\d.]+) \(([\d.]+) to ([\d.]+)\) \|/.exec(line)?.map(Number) ?? [];
  // √((0.01² + 0.1² + 0.02²) / 3) = 0.0592, where the mean is 0.0433
  expect(value).toBeCloseTo(0.0595, 3);
  expect(low).toBeLessThanOrEqual(value!);
  expect(high).toBeGreaterThanOrEqual(value!);
});
