/**
 * What each replacement of a run leaves of its measured output error. A run that a student takes the place of costs far less than the
 * linear map that was measured in its place; without this factor, plans would hold edits that stay in closed form against runs before
 * their training. Medians over both sample models (docs/planner.md, `npm run study -- --parts shares`).
 */
import type { DamageScore } from '../detection/index.ts';
import type { RunReplacement } from '../edit/index.ts';
import type { BlockInterval } from '../interval/index.ts';

export type MeasuredRun = 'linear' | 'removed';
export const MEASURED_RUNS: readonly MeasuredRun[] = ['linear', 'removed'];

/** What was measured, by score. Errors weighted to early timesteps are left in nearly the same shares. */
const MEASURED_BY: Partial<Record<DamageScore, MeasuredRun>> = {
  linear: 'linear',
  'linear-early': 'linear',
  removed: 'removed',
  early: 'removed',
};

/** Students: of 1,500 steps, those of a plan together. */
const SHARES: Readonly<Record<MeasuredRun, Readonly<Record<RunReplacement, number>>>> = {
  linear: { nothing: 1.5, probes: 1, linear: 1, student: 0.4 },
  removed: { nothing: 1, probes: 0.65, linear: 0.65, student: 0.22 },
};

/** What `runShare` knows of a score; null where it knows nothing. */
export function measuredRunOf(score: DamageScore): MeasuredRun | null {
  return MEASURED_BY[score] ?? null;
}

/** Multiplies an output error that was measured with a linear map in place of the later blocks, or with them left out. */
export function runShare(measured: MeasuredRun, by: RunReplacement): number {
  return SHARES[measured][by];
}

/**
 * The output error that a student of 1,500 steps leaves where it is plugged in alone: `times · error^a · blocks^b · e^(c · place)`, with
 * the measured error, the number of blocks that the run saves, and its middle's place from 0 at the first block to 1 at the last. Fitted
 * to errors weighted to early timesteps of thirty runs of two and of four blocks of both sample models (docs/planner.md,
 * `npm run study -- --parts alone`); unweighted ones follow nearly the same formula.
 */
const ALONE: Readonly<Record<MeasuredRun, Readonly<Record<'times' | 'error' | 'blocks' | 'place', number>>>> = {
  linear: { times: Math.exp(-3.57), error: 0.21, blocks: 0.59, place: 1.03 },
  removed: { times: Math.exp(-3.52), error: 0.29, blocks: 0.56, place: 1.03 },
};

/** `error` is the measured output error of the run, a share of the output's size; so is what is returned. */
export function studentErrorAlone(
  measured: MeasuredRun,
  error: number,
  { first, last }: BlockInterval,
  numBlocks: number,
): number {
  const { times, error: a, blocks, place } = ALONE[measured];
  const middle = (first + last) / 2 / (numBlocks - 1);
  return times * error ** a * (last - first) ** blocks * Math.exp(place * middle);
}
