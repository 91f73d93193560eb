/**
 * Real inputs for the sample model: scenes of its grammar as training saw them, captioned in a random order of objects,
 * noised as flow matching noises, x_t = (1 − σ)·x + σ·ε; for an analysis at levels spread over (0, 1).
 */

import { ContiguaError } from '../errors.ts';
import { completeInputs, type ModelConfig, squarePicture, type TransformerInputs } from '../model/index.ts';
import { type SeededRandom, seededRandom } from '../random.ts';
import {
  CAPTION_TOKENS,
  captionWords,
  DRAWING,
  embedCaption,
  encodeWords,
  PATCH_SIZE,
  PICTURE_SIZE,
  packPicture,
  pooledCaption,
  randomScene,
  renderScene,
  type SampleAssets,
  shuffledQuadrants,
} from '../shapes/index.ts';
import { type Calibration, calibrationOf, noiseLevels } from './calibration.ts';
import type { SyntheticRequest } from './synthetic-calibration.ts';

export function shapesCalibration(
  assets: SampleAssets,
  config: ModelConfig,
  { samples, timesteps, seed }: SyntheticRequest,
): Calibration {
  const levels = noiseLevels(timesteps);
  const timestep = Float32Array.from({ length: samples }, (_, i) => levels[i % timesteps]!);
  return calibrationOf(
    shapesInputs(assets, config, seededRandom(seed), timestep),
    { kind: 'shapes', label: `${samples} captioned pictures at ${timesteps} noise levels`, seed, file: null },
    config,
  );
}

/**
 * One sample per noise level of `timestep`, drawn from `random` in order; a share of `droppedCaptions` gets the null caption.
 * Throws `calibration-invalid`.
 */
export function shapesInputs(
  assets: SampleAssets,
  config: ModelConfig,
  random: SeededRandom,
  timestep: Float32Array,
  droppedCaptions = 0,
): TransformerInputs {
  const grid = PICTURE_SIZE / PATCH_SIZE;
  const imageTokens = grid * grid;
  const features = PATCH_SIZE ** 2 * 3;
  if (config.inChannels !== features || config.textDim !== assets.textDim) {
    throw new ContiguaError('calibration-invalid', 'The sample grammar does not fit this model', {
      found: `${config.inChannels} input features, text width ${config.textDim}`,
      expected: `${features} and ${assets.textDim}`,
      hint: 'Use synthetic inputs or a calibration.safetensors for this model.',
    });
  }
  const samples = timestep.length;
  const hiddenStates = new Float32Array(samples * imageTokens * features);
  const encoderHiddenStates = new Float32Array(samples * CAPTION_TOKENS * config.textDim);
  const mask = new Uint8Array(samples * CAPTION_TOKENS);
  const pooled = new Float32Array(samples * config.textDim);
  for (let sample = 0; sample < samples; sample++) {
    const scene = randomScene(random, false);
    const dropped = droppedCaptions > 0 && random.uniform() < droppedCaptions;
    const caption = encodeWords(dropped ? [] : captionWords(scene, shuffledQuadrants(random)));
    const tokens = packPicture(renderScene(scene));
    const sigma = timestep[sample]!;
    tokens.forEach((x, i) => {
      hiddenStates[sample * imageTokens * features + i] = (1 - sigma) * x + sigma * random.normal();
    });
    encoderHiddenStates.set(embedCaption(assets, caption), sample * CAPTION_TOKENS * config.textDim);
    pooled.set(pooledCaption(assets, caption), sample * config.textDim);
    mask.fill(1, sample * CAPTION_TOKENS, sample * CAPTION_TOKENS + caption.valid);
  }
  return completeInputs(
    {
      batch: samples,
      imageTokens,
      textTokens: CAPTION_TOKENS,
      imageShapes: squarePicture(grid),
      hiddenStates,
      encoderHiddenStates,
      mask,
      timestep,
    },
    config,
    { pooled: () => pooled, guidance: DRAWING.guidance },
  );
}
