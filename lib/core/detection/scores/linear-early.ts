/** Measured relative output error with one linear map in place of blocks first+1..last, weighted to early timesteps. */
import { earlyError } from './early-weighted.ts';
import type { Score } from './score.ts';

export const linearEarly = {
  name: 'linear-early',
  label: 'output error, linear, early steps',
  heading: 'error, linear, early',
  about:
    "Relative error of the model's output with one linear map in place of the later blocks, √(Σ t·e² / Σ t) over the noise bands: errors of early, noisy timesteps count more",
  column: 'damage_linear_early',
  needs: 'linear',
  kind: 'measured',
  isShare: true,
  weightsEarly: true,
  adds: 'in squares',
  isSimilarity: false,
  of: (report, interval) => earlyError(report, interval, 'linear'),
} as const satisfies Score;
