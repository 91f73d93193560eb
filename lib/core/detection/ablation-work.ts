/**
 * What it takes to measure ablations, as lib/core/analysis/edit-damage.ts goes about it: a way through the depth runs the blocks from
 * the first one that it changes, and in each turn the whole model runs until the last way has left it. The first measurement of all
 * runs it to its end, which is not counted. Pure.
 */
import type { Ablated } from './ablation.ts';

/** Of a model whose weights do not stay on the engine: ways that are measured in one reading of the weights, and whose results come together. */
export const WAYS_PER_READING = 8;

export interface AblationWork {
  /** What is taken out, each by itself. */
  readonly ways: number;
  /** In each, weights that do not stay on the engine are read once. */
  readonly turns: number;
  /** Of one sample, in all of them. */
  readonly forwardMs: number;
}

/** `blockMs`: each block on one sample. */
export function ablationWork(
  { edits, parts }: Ablated,
  blockMs: readonly number[],
  waysAtOnce = WAYS_PER_READING,
): AblationWork {
  const measured = [
    // The first block of a run stays.
    edits.map(({ first, last }) => ({ leaves: first + 1, runsFrom: last + 1 })),
    parts.map(({ block, part }) => ({ leaves: block, runsFrom: part === 'block' ? block + 1 : block })),
  ];
  const timeOf = (from: number, to?: number) => blockMs.slice(from, to).reduce((sum, ms) => sum + ms, 0);
  let [turns, forwardMs] = [0, 0];
  for (const ways of measured) {
    for (let from = 0; from < ways.length; from += waysAtOnce) {
      const some = ways.slice(from, from + waysAtOnce);
      turns += 1;
      forwardMs += timeOf(0, Math.max(...some.map(({ leaves }) => leaves)));
      for (const { runsFrom } of some) forwardMs += timeOf(runsFrom);
    }
  }
  return { ways: edits.length + parts.length, turns, forwardMs };
}
