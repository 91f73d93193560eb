import { describe, expect, it, test } from 'vitest';
import type { BlockSpec } from '../model/index.ts';
import { seededRandom } from '../random.ts';
import type { PerStream } from '../report/report.ts';
import { Pace } from './pace.ts';
import { comparePairs } from './state-pairs.ts';

const block = (index: number, updates: string[]) => ({ index, updates }) as unknown as BlockSpec;

async function compare(
  states: PerStream<readonly Float32Array[]>,
  blocks: readonly BlockSpec[],
  width: number,
  rows: PerStream<Uint32Array>,
) {
  const read = async (stream: string, state: number, from: number, to: number) =>
    states[stream]![state]!.slice(from * width, to * width);
  return await comparePairs(read, blocks, width, rows, new Pace());
}

/** Of a state against another: the pair of blocks 0 and 1. */
async function pairOf(a: Float32Array, b: Float32Array, width: number, rows: readonly number[]) {
  const blocks = [block(0, ['image']), block(1, ['image'])];
  const { directionErrors, proxies } = await compare({ image: [a, a, b] }, blocks, width, {
    image: Uint32Array.from(rows),
  });
  return {
    direction: directionErrors[0]![1]!,
    influence: proxies.blockInfluence.image![1]!,
    mse: proxies.inputOutputMse.image![1]!,
  };
}

describe('the direction error', () => {
  it('is the mean over tokens of the squared distance of unit vectors', async () => {
    const a = Float32Array.of(3, 4, 1, 0);
    const b = Float32Array.of(4, 3, 0, 5);
    const first = (0.6 - 0.8) ** 2 + (0.8 - 0.6) ** 2;
    expect((await pairOf(a, b, 2, [0])).direction).toBeCloseTo(first, 12);
    expect((await pairOf(a, b, 2, [0, 1])).direction).toBeCloseTo((first + 2) / 2, 12);
  });

  it('sees direction only, from 0 for the same to 4 for the opposite', async () => {
    const a = Float32Array.of(1, 2, 3);
    const scaled = (factor: number) => a.map((value) => factor * value);
    const same = (await pairOf(a, scaled(7), 3, [0])).direction;
    expect(same).toBeGreaterThanOrEqual(0);
    expect(same).toBeCloseTo(0, 12);
    expect((await pairOf(a, scaled(-1), 3, [0])).direction).toBeCloseTo(4, 12);
  });

  it('counts a zero vector as 1 against any direction and 0 against another zero', async () => {
    const zero = new Float32Array(2);
    expect((await pairOf(zero, Float32Array.of(0, 9), 2, [0])).direction).toBe(1);
    expect((await pairOf(zero, zero, 2, [0])).direction).toBe(0);
    expect((await pairOf(zero, zero, 2, [])).direction).toBe(0);
  });
});

test('Block Influence is 1 − the mean cosine over tokens, whatever their sizes', async () => {
  // Token 0 turns by 60 degrees and doubles, token 1 stays.
  const [before, after] = [Float32Array.of(1, 0, 3, 4), Float32Array.of(1, Math.sqrt(3), 3, 4)];
  const { influence, mse } = await pairOf(before, after, 2, [0, 1]);
  expect(influence).toBeCloseTo(1 - (0.5 + 1) / 2, 6);
  expect(mse).toBeCloseTo(3 / 4, 6);
  expect(await pairOf(before, after, 2, [1])).toMatchObject({ influence: 0, mse: 0 });
});

test('a zero state is unlike every other state, and like itself', async () => {
  const zero = new Float32Array(2);
  expect((await pairOf(zero, Float32Array.of(1, 1), 2, [0])).influence).toBe(1);
  expect((await pairOf(zero, zero, 2, [0])).influence).toBe(0);
});

test('an interval is judged by the states after its first and its last block, over the streams that the last one updates', async () => {
  const blocks = [block(0, ['image', 'text']), block(1, ['image', 'text']), block(2, ['image'])];
  const states = {
    image: [Float32Array.of(1, 0), Float32Array.of(0, 1), Float32Array.of(1, 1), Float32Array.of(0, 2)],
    text: [Float32Array.of(1, 0), Float32Array.of(1, 0), Float32Array.of(-1, 0), Float32Array.of(-1, 0)],
  };
  const { proxies, directionErrors } = await compare(states, blocks, 2, {
    image: Uint32Array.of(0),
    text: Uint32Array.of(0),
  });
  const near = (values: readonly (number | null)[] | undefined) => values?.map((v) => v && Number(v.toFixed(6)));
  expect(near(proxies.blockInfluence.image)).toEqual([1, 0.292893, 0.292893]);
  // The last block leaves the text alone.
  expect(near(proxies.blockInfluence.text)).toEqual([0, 2, null]);
  expect(near(proxies.inputOutputMse.image)).toEqual([1, 0.5, 1]);
  // Blocks 1 and 2 turn the image back to where it was: the interval keeps its direction, though each block turns it.
  expect(near(proxies.intervals.blockInfluence[0])).toEqual([null, 1.146447, 0]);
  expect(near(proxies.intervals.inputOutputMse[0])).toEqual([null, 1.25, 0.5]);
  expect(near(proxies.intervals.blockInfluence[2])).toEqual([null, null, null]);
  expect(near(directionErrors[0])).toEqual([null, 4.585786, 0]);
});

test('a small change of a large state is told as exactly as the difference itself', async () => {
  const { normal } = seededRandom(1);
  const width = 64;
  const a = Float32Array.from({ length: 20 * width }, (_, i) => (i % width === 3 ? 4000 : 1) * normal());
  const b = a.map((value) => value + 1e-3 * normal());
  const rows = Array.from({ length: 20 }, (_, row) => row).filter((row) => row % 3 !== 1);
  const exact = rows.reduce((sum, row) => {
    for (let at = row * width; at < (row + 1) * width; at++) sum += (a[at]! - b[at]!) ** 2;
    return sum;
  }, 0);
  const { mse } = await pairOf(a, b, width, rows);
  expect(mse / (exact / (rows.length * width))).toBeCloseTo(1, 3);
});
