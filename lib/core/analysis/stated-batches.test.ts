import { expect, it } from 'vitest';
import type { Similarity } from '../report/report.ts';
import { withBatches } from './stated-batches.ts';

it.each([
  ['all at once, of up to 1,024 tokens', 1024, 2, 2048, undefined],
  ['in four batches, of twice as many', 2048, 2, 2048, 512],
  ['all at once, of more tokens than features', 2048, 2, 96, undefined],
  ['in batches of parts, where the states of so many blocks are too large', 10_000, 60, 1024, 500],
])('says that tokens were compared %s', (_, rows, blocks, width, expected) => {
  const similarity = { rows } as Similarity;
  expect(withBatches(similarity, blocks, width).batchRows).toBe(expected);
});
