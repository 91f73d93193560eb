/**
 * Seeded noise in place of real inputs, for a model that comes without any. It exercises every block, but what it shows
 * about redundancy is not what real pictures and prompts would show: the label says so wherever a number from it appears.
 */
import {
  completeInputs,
  elementsOf,
  familyNamed,
  type ModelConfig,
  NOMINAL_GUIDANCE,
  pictureLayout,
  squarePicture,
  type TransformerInputs,
} from '../model/index.ts';
import { type SeededRandom, seededRandom } from '../random.ts';
import { type Calibration, calibrationOf, noiseLevels } from './calibration.ts';

export interface SyntheticRequest {
  readonly samples: number;
  /** Distinct time steps; sample i takes the (i mod timesteps)-th. */
  readonly timesteps: number;
  readonly seed: number;
}

/** Tokens along a side of the (first) image, or the most that the model takes. */
const LARGEST_GRID = 8;
const TEXT_TOKENS = 16;

export function syntheticCalibration(config: ModelConfig, { samples, timesteps, seed }: SyntheticRequest): Calibration {
  const levels = noiseLevels(timesteps);
  return calibrationOf(
    syntheticInputs(config, seededRandom(seed), samples, () =>
      Float32Array.from({ length: samples }, (_, i) => levels[i % timesteps]!),
    ),
    { kind: 'synthetic', label: `SYNTHETIC inputs, seed ${seed}: ${syntheticImages(config).label}`, seed, file: null },
    config,
  );
}

/** The images of one sample, as the family's pipeline lays them out. */
function syntheticImages(config: ModelConfig) {
  const grid = Math.min(LARGEST_GRID, pictureLayout(config)?.maxPatches ?? LARGEST_GRID);
  const own = familyNamed(config.family).syntheticImages?.(config, grid);
  return own ?? { shapes: squarePicture(grid), label: `${grid} × ${grid} tokens` };
}

/** Noise for every input of the family, drawn from `random` in a fixed order; `timesteps` is called after image and text. */
export function syntheticInputs(
  config: ModelConfig,
  random: SeededRandom,
  samples: number,
  timesteps: () => Float32Array,
): TransformerInputs {
  const { shapes } = syntheticImages(config);
  const imageTokens = shapes.reduce((sum, shape) => sum + elementsOf(shape), 0);
  const normals = (length: number) => Float32Array.from({ length }, () => random.normal());
  const inputs = {
    batch: samples,
    imageTokens,
    textTokens: TEXT_TOKENS,
    imageShapes: shapes,
    hiddenStates: normals(samples * imageTokens * config.inChannels),
    encoderHiddenStates: normals(samples * TEXT_TOKENS * config.textDim),
    mask: null,
    timestep: timesteps(),
  };
  return completeInputs(inputs, config, {
    pooled: (width) => normals(samples * width),
    guidance: NOMINAL_GUIDANCE,
  });
}
