/**
 * Seeded noise in place of real inputs, for a model that comes without any. It exercises every block, but what it shows
 * about redundancy is not what real pictures and prompts would show: the label says so wherever a number from it appears.
 */
import type { ModelConfig } from '../model/index.ts';
import { seededRandom } from '../random.ts';
import { type Calibration, calibrationOf, noiseLevels } from './calibration.ts';

export interface SyntheticRequest {
  readonly samples: number;
  /** Distinct time steps; sample i takes the (i mod timesteps)-th. */
  readonly timesteps: number;
  readonly seed: number;
}

/** Image tokens are an 8 × 8 grid. */
const GRID = 8;
const TEXT_TOKENS = 16;

export function syntheticCalibration(config: ModelConfig, { samples, timesteps, seed }: SyntheticRequest): Calibration {
  const random = seededRandom(seed);
  const normals = (length: number) => Float32Array.from({ length }, () => random.normal());
  const levels = noiseLevels(timesteps);
  return calibrationOf(
    {
      batch: samples,
      imageTokens: GRID * GRID,
      textTokens: TEXT_TOKENS,
      imageShapes: [[1, GRID, GRID]],
      hiddenStates: normals(samples * GRID * GRID * config.inChannels),
      encoderHiddenStates: normals(samples * TEXT_TOKENS * config.textDim),
      mask: null,
      timestep: Float32Array.from({ length: samples }, (_, i) => levels[i % timesteps]!),
    },
    { kind: 'synthetic', label: `SYNTHETIC inputs, seed ${seed}`, seed },
    config,
  );
}
