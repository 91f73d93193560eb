/** What inputs that are made for an analysis (pictures of the sample grammar, seeded noise) may be. */
import type { NumberRange } from '../number-range.ts';
import { SEED_RANGE } from '../random.ts';

/** Two samples at least, since some are held out; the states of all of them are in memory at once. */
const SAMPLES: NumberRange = { min: 2, max: 16_384, whole: true };

export const CALIBRATION_BOUNDS = {
  samples: SAMPLES,
  /** Distinct noise levels; the command line also wants at most one per sample. */
  timesteps: { min: 1, max: SAMPLES.max, whole: true },
  seed: SEED_RANGE,
} as const satisfies Record<string, NumberRange>;

/** The page's are narrower: a tab has less memory than a process, and the address carries them. */
export const PAGE_CALIBRATION_BOUNDS = {
  ...CALIBRATION_BOUNDS,
  samples: { ...SAMPLES, max: 1024 },
  timesteps: { min: 1, max: 64, whole: true },
} as const satisfies typeof CALIBRATION_BOUNDS;

/** What an analysis may cost: tokens of each stream that are read, and samples and intervals that damage is measured on. */
export const ANALYSIS_BOUNDS = {
  tokens: { min: 64, max: 2 ** 20, whole: true },
  damageSamples: { min: 1, max: 4096, whole: true },
  damageIntervals: { min: 0, max: 4096, whole: true },
} as const satisfies Record<string, NumberRange>;
