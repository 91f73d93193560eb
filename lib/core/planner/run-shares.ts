/**
 * What each replacement of a run leaves of its measured output error. A run that a student takes the place of costs far less than the
 * linear map that was measured in its place; without this factor, plans would hold edits that stay in closed form against runs before
 * their training. Medians over both sample models (docs/planner.md, `npm run study -- --parts shares`).
 */
import type { DamageScore } from '../detection/index.ts';
import type { RunReplacement } from '../edit/index.ts';

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
