/** Contestants take turns in one run, as a noisy machine is noisy for all of them; medians and quartiles tell their times. */
import { availableParallelism, loadavg } from 'node:os';
import { quantile } from '../lib/core/quantile.ts';
import type { Contestant, Times } from './contestants.ts';

export interface TurnOptions {
  readonly turns: number;
  /** Of one turn. */
  readonly steps: number;
  /** What the contestants are asked for, where they can do several things. */
  readonly what?: string;
  /** Without it a contestant that fails fails the whole; with it, it takes no further turn. */
  readonly onFailure?: (contestant: Contestant, reason: string) => void;
}

/** What the first steps read, cache and compile. */
const WARM_UP_STEPS = 3;

/** By contestant: medians of every turn, and the values of the last step before the first turn, which is the same step for all. */
export async function takeTurns(
  contestants: readonly Contestant[],
  { turns, steps, what, onFailure }: TurnOptions,
): Promise<Map<Contestant, Times>> {
  const taken = new Map<Contestant, Times>();
  const run = async (contestant: Contestant, count: number): Promise<Times | null> => {
    try {
      return await contestant.run(count, what);
    } catch (thrown) {
      if (!onFailure) throw thrown;
      onFailure(contestant, thrown instanceof Error ? thrown.message : String(thrown));
      taken.delete(contestant);
      return null;
    }
  };
  for (const contestant of contestants) {
    const warmUp = await run(contestant, WARM_UP_STEPS);
    if (warmUp) taken.set(contestant, { wallMs: [], cpuMs: [], values: warmUp.values });
  }
  for (let turn = 0; turn < turns; turn++) {
    for (const [contestant, times] of [...taken]) {
      const found = await run(contestant, steps);
      if (!found) continue;
      times.wallMs.push(spread(found.wallMs).median);
      times.cpuMs.push(spread(found.cpuMs).median);
    }
  }
  return taken;
}

/** Ends the contestants, whatever happens meanwhile. */
export async function among<T>(contestants: readonly Contestant[], use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } finally {
    for (const contestant of contestants) contestant.end();
  }
}

export function spread(values: readonly number[]) {
  const sorted = values.toSorted((x, y) => x - y);
  const at = (share: number) => (sorted.length > 0 ? quantile(sorted, share) : Number.NaN);
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}

export function shown(values: readonly number[], digits: number): string {
  const { median, low, high } = spread(values);
  return `${median.toFixed(digits)} [${low.toFixed(digits)}–${high.toFixed(digits)}]`;
}

export const load = () => `load ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} cores`;
