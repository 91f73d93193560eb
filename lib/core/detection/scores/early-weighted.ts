/**
 * Measured output error weighted to early timesteps: √(Σ t·e² / Σ t) over the noise bands, t the band's mean timestep in 0 … 1
 * (1 is pure noise). Errors there are carried through all later steps (OBS-Diff).
 */
import { type RunReplacement, runEdit } from '../../edit/edit.ts';
import type { BlockInterval } from '../../interval/interval.ts';
import { damageOf, type NoiseBand } from '../../report/report.ts';
import type { RankableReport } from './score.ts';

/** Null where it was not measured by noise band. */
export function earlyError(report: RankableReport, interval: BlockInterval, by: RunReplacement): number | null {
  return earlyWeighted(report.bands, damageOf(report, runEdit(interval, by))?.bands ?? []);
}

/** `errors`: one per band. Null where one is missing, or there are none. */
export function earlyWeighted(
  bands: readonly Pick<NoiseBand, 'timesteps'>[],
  errors: readonly (number | null)[],
): number | null {
  let [sum, weights] = [0, 0];
  for (const [i, { timesteps }] of bands.entries()) {
    const error = errors[i] ?? null;
    if (error === null) return null;
    const weight = timesteps.reduce((total, t) => total + t, 0) / timesteps.length;
    sum += weight * error ** 2;
    weights += weight;
  }
  return weights > 0 ? Math.sqrt(sum / weights) : null;
}
