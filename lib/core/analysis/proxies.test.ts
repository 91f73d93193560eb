import { expect, test } from 'vitest';
import type { BlockSpec } from '../model/index.ts';
import { Pace } from './pace.ts';
import { blockProxies, compareStates } from './proxies.ts';

const ALL = Uint32Array.of(0, 1);

test('Block Influence is 1 − the mean cosine over tokens, whatever their sizes', () => {
  // Token 0 turns by 60 degrees and doubles, token 1 stays.
  const [before, after] = [Float32Array.of(1, 0, 3, 4), Float32Array.of(1, Math.sqrt(3), 3, 4)];
  const { influence, mse } = compareStates(before, after, 2, ALL);
  expect(influence).toBeCloseTo(1 - (0.5 + 1) / 2, 6);
  expect(mse).toBeCloseTo(3 / 4, 6);
  expect(compareStates(before, after, 2, Uint32Array.of(1))).toEqual({ influence: 0, mse: 0 });
});

test('a zero state is unlike every other state, and like itself', () => {
  const zero = new Float32Array(2);
  expect(compareStates(zero, Float32Array.of(1, 1), 2, Uint32Array.of(0)).influence).toBe(1);
  expect(compareStates(zero, zero, 2, Uint32Array.of(0)).influence).toBe(0);
});

test('an interval is judged by the states after its first and its last block, over the streams that the last one updates', async () => {
  const block = (index: number, updates: string[]) => ({ index, updates }) as unknown as BlockSpec;
  const blocks = [block(0, ['image', 'text']), block(1, ['image', 'text']), block(2, ['image'])];
  const states = {
    image: [Float32Array.of(1, 0), Float32Array.of(0, 1), Float32Array.of(1, 1), Float32Array.of(0, 2)],
    text: [Float32Array.of(1, 0), Float32Array.of(1, 0), Float32Array.of(-1, 0), Float32Array.of(-1, 0)],
  };
  const rows = { image: Uint32Array.of(0), text: Uint32Array.of(0) };
  const proxies = await blockProxies(states, blocks, 2, rows, new Pace());
  const near = (values: readonly (number | null)[] | undefined) => values?.map((v) => v && Number(v.toFixed(6)));
  expect(near(proxies.blockInfluence.image)).toEqual([1, 0.292893, 0.292893]);
  // The last block leaves the text alone.
  expect(near(proxies.blockInfluence.text)).toEqual([0, 2, null]);
  expect(near(proxies.inputOutputMse.image)).toEqual([1, 0.5, 1]);
  // Blocks 1 and 2 turn the image back to where it was: the interval keeps its direction, though each block turns it.
  expect(near(proxies.intervals!.blockInfluence[0])).toEqual([null, 1.146447, 0]);
  expect(near(proxies.intervals!.inputOutputMse[0])).toEqual([null, 1.25, 0.5]);
  expect(near(proxies.intervals!.blockInfluence[2])).toEqual([null, null, null]);
});
