/** What the study trains and draws: written out, so that a changed default of the product trains nothing again. */
import { DEFAULT_DISTIL, DEFAULT_FINE_TUNE } from '../lib/core/run/index.ts';
import { DRAWING } from '../lib/core/shapes/index.ts';
import type { StudySettings } from './experiments.ts';

/** The noisiest of the eight levels that output errors are measured at. */
export const EARLY_LEVELS = 3;

export const SETTINGS: StudySettings = {
  seeds: [0, 1, 2],
  depths: [2, 4, 6, 8],
  distil: {
    ...DEFAULT_DISTIL,
    loss: 'direction-magnitude',
    magnitudeWeight: 0.1,
    start: 'first',
    steps: 1500,
    batch: 16,
    accumulation: 1,
    distinctBatches: 750,
    learningRate: 1e-2,
    warmupSteps: 50,
    schedule: 'cosine',
    ema: null,
    levels: 'uniform',
    heldOutSamples: 64,
    heldOutEvery: 1500,
    checkpointEvery: 1500,
  },
  fineTune: {
    ...DEFAULT_FINE_TUNE,
    train: 'all',
    steps: 1500,
    batch: 16,
    learningRate: 1e-3,
    warmupSteps: 50,
    schedule: 'cosine',
    ema: null,
    levels: 'uniform',
    checkpointEvery: 1500,
  },
  captions: { claim: 200, arm: 48, few: 24 },
  drawingSteps: DRAWING.steps,
  randomChoices: 3,
};

export function settingsLines(device: string): string {
  const { distil, fineTune, captions, seeds, randomChoices } = SETTINGS;
  return [
    `Engine ${device}; students of ${distil.steps} steps of ${distil.batch} samples at learning rate ${distil.learningRate}, ${distil.distinctBatches} batches in seeded orders; fine-tune of ${fineTune.steps} steps.`,
    `Arms of half the blocks: seeds ${seeds.join(', ')} and ${captions.claim} unseen captions; others: seed ${seeds[0]}, ${captions.arm} captions; removals and subsets: ${captions.few}. Random: ${randomChoices} choices.`,
  ].join('\n');
}
