/** Which intervals each arm of the study takes: pure, seeded. */
import {
  chooseByBudget,
  chooseLeastDamage,
  DEFAULT_DETECTION,
  type DetectionSettings,
  detectIntervals,
  hasRows,
  leastDamage,
  rankByDamage,
} from '../lib/core/detection/index.ts';
import { type RunEdit, runEdit } from '../lib/core/edit/index.ts';
import { type BlockInterval, formatIntervalKey } from '../lib/core/interval/index.ts';
import { seededRandom } from '../lib/core/random.ts';
import type { AnalysisReport } from '../lib/core/report/index.ts';

/** Of arms that are named after it: another default of the product leaves them as they are. */
const CKA = 'cka';

type Model = Pick<AnalysisReport['model'], 'numBlocks' | 'stacks'>;

export function removedBy(intervals: readonly BlockInterval[]): number {
  return intervals.reduce((sum, { first, last }) => sum + last - first, 0);
}

/** The default reading; a report of an earlier version, which the study may have stored, has similarities over all tokens alone. */
const readingOf = (report: AnalysisReport): DetectionSettings =>
  hasRows(report, DEFAULT_DETECTION) ? DEFAULT_DETECTION : { ...DEFAULT_DETECTION, rows: 'all' };

/** The paper's choice: the difference rule, ranked by 1 − cka(u, v). */
export function detected(report: AnalysisReport, remove: number): BlockInterval[] {
  const reading = readingOf(report);
  const found = detectIntervals(report, reading);
  return chooseByBudget(rankByDamage(report, found, CKA, reading), remove);
}

/** Of all intervals, detected or not, those of least total 1 − cka(u, v). */
export function partitioned(report: AnalysisReport, remove: number): BlockInterval[] {
  return chooseLeastDamage(report, report.model, remove, CKA, readingOf(report));
}

/** Of the intervals that `damages` knows, by key, those of least total damage; shorter of equal ones. */
export function leastOf(damages: ReadonlyMap<string, number>, model: Model, remove: number): BlockInterval[] {
  return leastDamage(model, remove, (interval) => damages.get(formatIntervalKey(interval)) ?? null);
}

/** By CKA threshold: the highest (to 0.001) whose intervals hold enough blocks, ranked the same way. */
export function byThreshold(
  report: AnalysisReport,
  remove: number,
): { readonly atLeast: number; readonly intervals: BlockInterval[] } {
  const reading = readingOf(report);
  for (let thousandths = 999; thousandths >= 0; thousandths--) {
    const atLeast = thousandths / 1000;
    const found = detectIntervals(report, reading, { kind: 'threshold', atLeast });
    if (removedBy(found) < remove) continue;
    return { atLeast, intervals: chooseByBudget(rankByDamage(report, found, CKA, reading), remove) };
  }
  throw new RangeError(`No threshold removes ${remove} blocks`);
}

/** A run of blocks with nothing in the place of all but the first. */
export type RemovedRun = RunEdit & { readonly by: 'nothing' };

export function removed(intervals: readonly BlockInterval[]): RemovedRun[] {
  return intervals.map((interval) => ({ ...runEdit(interval, 'nothing'), by: 'nothing' }));
}

/** The model without these blocks, ascending: each run of them goes with the block before it, which stays as it is. */
export function without(blocks: readonly number[]): RemovedRun[] {
  const intervals: BlockInterval[] = [];
  for (const block of blocks) {
    const run = intervals.at(-1);
    if (run?.last === block - 1) intervals[intervals.length - 1] = { first: run.first, last: block };
    else intervals.push({ first: block - 1, last: block });
  }
  return removed(intervals);
}

/**
 * Whether `without` can say it: the first block of a stack, block 0 above all, has no block of its stack before it that a
 * run could begin with, and is left out of what the study removes.
 */
export function canGo(block: number, stacks: readonly BlockInterval[]): boolean {
  return stacks.every(({ first }) => first !== block);
}

/**
 * Sensitivity ranking, as pruning works without detection: the `remove` blocks whose removal alone changes the output
 * least go, and each run of them is taken over by the block before it. Null for blocks that cannot go.
 */
export function bySensitivity(outputErrors: readonly (number | null)[], remove: number): BlockInterval[] {
  const leastFirst = outputErrors.flatMap((error, block) => (error === null ? [] : [{ error, block }]));
  leastFirst.sort((x, y) => x.error - y.error);
  const gone = leastFirst.slice(0, remove).map(({ block }) => block);
  return without(gone.sort((x, y) => x - y)).map(({ first, last }) => ({ first, last }));
}

/** Every contiguous run of `length` blocks that can go. */
export function contiguousRuns({ numBlocks, stacks }: Model, length: number): number[][] {
  const runs = Array.from({ length: numBlocks - length + 1 }, (_, start) =>
    Array.from({ length }, (__, i) => start + i),
  );
  return runs.filter((blocks) => blocks.every((block) => canGo(block, stacks)));
}

/** `count` sets of `size` blocks that can go, of which no two are neighbours. */
export function scatteredBlocks({ numBlocks, stacks }: Model, size: number, count: number, seed: number): number[][] {
  const random = seededRandom(seed);
  const sets: number[][] = [];
  while (sets.length < count) {
    const chosen = new Set<number>();
    for (let tries = 0; chosen.size < size && tries < 200; tries++) {
      const block = random.integer(numBlocks);
      if (canGo(block, stacks) && !chosen.has(block - 1) && !chosen.has(block + 1)) chosen.add(block);
    }
    if (chosen.size === size) sets.push([...chosen].sort((x, y) => x - y));
  }
  return sets;
}

/** All subsets, none and all included. */
export function subsetsOf<T>(all: readonly T[]): T[][] {
  return Array.from({ length: 2 ** all.length }, (_, bits) => all.filter((__, i) => bits & (1 << i)));
}
