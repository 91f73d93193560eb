/** Measured relative output error with blocks first+1..last removed, weighted to early timesteps. */
import { earlyError } from './early-weighted.ts';
import type { Score } from './score.ts';

export const early = {
  name: 'early',
  label: 'output error, removed, early steps',
  heading: 'error, removed, early',
  about:
    "Relative error of the model's output with the later blocks left out, √(Σ t·e² / Σ t) over the noise bands: errors of early, noisy timesteps count more",
  column: 'damage_removed_early',
  needs: 'nothing',
  kind: 'measured',
  isShare: true,
  weightsEarly: true,
  adds: 'in squares',
  isSimilarity: false,
  of: (report, interval) => earlyError(report, interval, 'nothing'),
} as const satisfies Score;
