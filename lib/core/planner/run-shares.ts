/**
 * What each replacement of a run leaves of its measured output error. A run that a student takes the place of costs far less than the
 * linear map that was measured in its place; without this factor, plans would hold edits that stay in closed form against runs before
 * their training. Medians over both sample models (docs/planner.md, `npm run study -- --parts shares`).
 */
import type { RunReplacement } from '../edit/index.ts';

export type MeasuredRun = 'linear' | 'removed';
export const MEASURED_RUNS: readonly MeasuredRun[] = ['linear', 'removed'];

/** Students: of 1,500 steps, those of a plan together. */
const SHARES: Readonly<Record<MeasuredRun, Readonly<Record<RunReplacement, number>>>> = {
  linear: { nothing: 1.5, probes: 1, linear: 1, student: 0.4 },
  removed: { nothing: 1, probes: 0.65, linear: 0.65, student: 0.22 },
};

/** Scores that `runShare` knows. */
export function isMeasuredRun(score: string): score is MeasuredRun {
  return score === 'linear' || score === 'removed';
}

/** Multiplies an output error that was measured with a linear map in place of the later blocks, or with them left out. */
export function runShare(measured: MeasuredRun, by: RunReplacement): number {
  return SHARES[measured][by];
}
