/**
 * Measured relative output error with blocks first+1..last removed, weighted to early timesteps: √(Σ t·e² / Σ t) over the noise
 * bands, t the band's mean timestep in 0 … 1 (1 is pure noise). Errors there are carried through all later steps (OBS-Diff).
 */
import { runEdit } from '../../edit/edit.ts';
import { damageOf } from '../../report/report.ts';
import type { Score } from './score.ts';

export const early = {
  name: 'early',
  label: 'output error, removed, early steps',
  about:
    "Relative error of the model's output with the later blocks left out, √(Σ t·e² / Σ t) over the noise bands: errors of early, noisy timesteps count more",
  column: 'damage_removed_early',
  needs: 'nothing',
  kind: 'measured',
  isShare: true,
  isSimilarity: false,
  of(report, interval) {
    const { bands = [] } = damageOf(report, runEdit(interval, 'nothing')) ?? {};
    let [sum, weights] = [0, 0];
    for (const [i, { timesteps }] of report.bands.entries()) {
      const error = bands[i] ?? null;
      if (error === null) return null;
      const weight = timesteps.reduce((total, t) => total + t, 0) / timesteps.length;
      sum += weight * error ** 2;
      weights += weight;
    }
    return weights > 0 ? Math.sqrt(sum / weights) : null;
  },
} as const satisfies Score;
