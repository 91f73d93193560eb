import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, it } from 'vitest';
import { seededRandom } from '../random.ts';
import { FLOAT_BYTES } from '../states/index.ts';
import { startTestEngine } from '../tensor/test-engines.ts';
import { comparedSize, timedSweeps } from './compared-size.ts';
import { gramsOf, rowBatches } from './gram-batches.ts';
import { PART_ROWS } from './gram-parts.ts';
import { Pace } from './pace.ts';
import { StreamSimilarity } from './similarity.ts';
import { atOnceBytes } from './similarity-form.ts';

const MIB = 2 ** 20;
beforeAll(() => startTestEngine('wasm'));

/** Their sizes do not depend on the width. */
async function gramBytes(rows: number): Promise<number> {
  const { normal } = seededRandom(1);
  const x = tf.tensor2d(
    Float32Array.from({ length: rows * 8 }, () => normal()),
    [rows, 8],
  );
  const { values } = await gramsOf(x, rowBatches(rows));
  x.dispose();
  return values.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

it('counts the Grams that a sweep holds, whole and of batches', async () => {
  expect(comparedSize(1000, 20, 3072).keptBytes).toBe(21 * (await gramBytes(1000)));
  expect(comparedSize(2000, 20, 3072).keptBytes).toBe(21 * (await gramBytes(2000)));
});

it('counts one part of the rows where they are compared in parts', async () => {
  const size = comparedSize(4 * PART_ROWS, 60, 3072);
  expect(size.keptBytes).toBe(61 * (await gramBytes(PART_ROWS)));
  expect(size.keptBytes).toBe(61 * 4 * MIB);
  expect(size.stateBytes).toBe(FLOAT_BYTES * 3072 * PART_ROWS);
  expect(size.surrogateBytes).toBe(60 * size.stateBytes);
});

it('counts all rows of a state, and what the engine keeps, where states are compared at once', async () => {
  const large = comparedSize(60_000, 4, 768);
  expect([large.stateBytes, large.surrogateBytes]).toEqual([FLOAT_BYTES * 768 * 60_000, 0]);

  const [rows, width, blocks] = [300, 32, 4];
  const { normal } = seededRandom(2);
  const states = Array.from({ length: blocks + 1 }, () => Float32Array.from({ length: rows * width }, () => normal()));
  const similarity = new StreamSimilarity(states, rows, width);
  const before = tf.memory().numBytes;
  await similarity.compareStates(new Pace());
  const kept = tf.memory().numBytes - before;
  similarity.dispose();
  const { keptBytes } = comparedSize(rows, blocks, width);
  expect(keptBytes - atOnceBytes(rows, blocks, width)).toBeGreaterThanOrEqual(kept);
});

it('times the rows that resamples are taken of by themselves where not all rows go by one Gram', () => {
  expect(timedSweeps(1000, 20, 3072, 256)).toEqual([{ rows: 1000, times: 1, resampled: true }]);
  const resampled = { rows: 256, times: 1, resampled: true };
  expect(timedSweeps(8192, 60, 3072, 256)).toEqual([{ rows: 3072, times: 8192 / 3072, resampled: false }, resampled]);
  expect(timedSweeps(2000, 4, 768, 256)).toEqual([{ rows: 768, times: 1, resampled: false }, resampled]);
  expect(timedSweeps(2000, 4, 768, null)).toEqual([{ rows: 768, times: 1, resampled: false }]);
});
