/**
 * Cheap stand-ins for measured damage, from states of the whole model that an analysis has anyway: Block Influence, which is
 * 1 − the mean cosine of a token's state before and after (ShortGPT, arXiv 2403.03853), and the mean squared difference of both
 * (Flux.1 Lite). Neither sees what later blocks make of the difference. Nothing is fitted, yet the same held-out tokens are read
 * as everywhere else.
 */
import type { BlockSpec } from '../model/index.ts';
import type { Matrix, PerStream, Proxies } from '../report/report.ts';
import type { Pace } from './pace.ts';

/** States of every stream, [n, width] each: the embedded input, then after each block. `rows` are the tokens that are read. */
export async function blockProxies(
  states: PerStream<readonly Float32Array[]>,
  blocks: readonly BlockSpec[],
  width: number,
  rows: PerStream<Uint32Array>,
  pace: Pace,
): Promise<Proxies> {
  const between = (stream: string, before: number, after: number) =>
    compareStates(states[stream]![before]!, states[stream]![after]!, width, rows[stream]!);
  const ofBlocks: Record<string, (Comparison | null)[]> = {};
  for (const stream of Object.keys(states)) {
    ofBlocks[stream] = blocks.map(({ index, updates }) =>
      updates.includes(stream) ? between(stream, index, index + 1) : null,
    );
    await pace.breathe();
  }
  const square = () => blocks.map(() => new Array<number | null>(blocks.length).fill(null));
  const [influence, mse] = [square(), square()];
  for (let first = 0; first < blocks.length; first++) {
    for (let last = first + 1; last < blocks.length; last++) {
      const { updates } = blocks[last]!;
      const compared = updates.map((stream) => between(stream, first + 1, last + 1));
      influence[first]![last] = mean(compared.map((one) => one.influence));
      mse[first]![last] = mean(compared.map((one) => one.mse));
      await pace.breathe();
    }
  }
  const perStream = (read: (one: Comparison) => number): PerStream<(number | null)[]> =>
    Object.fromEntries(Object.entries(ofBlocks).map(([id, all]) => [id, all.map((one) => one && read(one))]));
  const intervals: { blockInfluence: Matrix; inputOutputMse: Matrix } = {
    blockInfluence: influence,
    inputOutputMse: mse,
  };
  return { blockInfluence: perStream((one) => one.influence), inputOutputMse: perStream((one) => one.mse), intervals };
}

interface Comparison {
  /** 1 − mean cosine. */
  readonly influence: number;
  /** Over tokens and features. */
  readonly mse: number;
}

/** `a` and `b` are [n, width]; a zero vector has no direction and is unlike every other. */
export function compareStates(a: Float32Array, b: Float32Array, width: number, rows: Uint32Array): Comparison {
  let [cosines, squares] = [0, 0];
  for (const row of rows) {
    let [ab, aa, bb] = [0, 0, 0];
    for (let at = row * width; at < (row + 1) * width; at++) {
      const x = a[at]!;
      const y = b[at]!;
      ab += x * y;
      aa += x * x;
      bb += y * y;
      squares += (x - y) ** 2;
    }
    const norms = Math.sqrt(aa) * Math.sqrt(bb);
    cosines += norms > 0 ? Math.min(1, ab / norms) : Number(aa === 0 && bb === 0);
  }
  if (rows.length === 0) return { influence: 0, mse: 0 };
  return { influence: 1 - cosines / rows.length, mse: squares / (rows.length * width) };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
