/** The samples that reports, linear maps and shared modulations of the study are made from, and how the ledger names them. */
import type { SyntheticRequest } from '../lib/core/capture/index.ts';

interface StudyCalibration extends SyntheticRequest {
  readonly kind: 'shapes';
}

/** As the page analyses the samples by itself. */
export const CALIBRATION: StudyCalibration = { kind: 'shapes', samples: 64, timesteps: 8, seed: 7 };

/** What every row of a ledger that names no calibration was made from. Stays as it is when `CALIBRATION` changes. */
const UNNAMED: StudyCalibration = { kind: 'shapes', samples: 64, timesteps: 8, seed: 7 };

/** Goes into the name of what was fitted on a calibration. */
export function calibrationText({ samples, timesteps, seed }: StudyCalibration = CALIBRATION): string {
  if (samples === UNNAMED.samples && timesteps === UNNAMED.timesteps && seed === UNNAMED.seed) return '';
  return `, calibrated on ${samples} samples at ${timesteps} levels of seed ${seed}`;
}
