/** How the report is read and drawn: everything here changes what is shown, never what was measured. */
import { createStore } from 'zustand/vanilla';
import {
  type DamageScore,
  DEFAULT_DAMAGE_SCORE,
  DEFAULT_DETECTION,
  type DetectionSettings,
} from '@/lib/core/detection/index.ts';
import type { StreamSpec } from '@/lib/core/model/config-index.ts';
import type { PageReplacement } from './edits.ts';
import type { Noise } from './noise.ts';

export interface Settings {
  readonly detection: DetectionSettings;
  /** Ranks detected intervals for the slider. */
  readonly score: DamageScore;
  /** What replaces runs that are newly chosen. */
  readonly replaceBy: PageReplacement;
  /** Block u that the trajectories start from. */
  readonly startBlock: number;
  readonly colours: 'viridis' | 'cividis';
  /** Colour ramp over 0…1, or over the values present in either heatmap. */
  readonly scale: 'full' | 'data';
  /** Differences on a scale of their own for each run, or all of them on one symmetric logarithm. */
  readonly differences: 'run' | 'all';
  /** The timesteps whose figures are shown. */
  readonly noise: Noise;
}

export const DEFAULT_SETTINGS: Settings = {
  detection: DEFAULT_DETECTION,
  score: DEFAULT_DAMAGE_SCORE,
  replaceBy: 'nothing',
  startBlock: 0,
  colours: 'viridis',
  scale: 'data',
  differences: 'run',
  noise: 'together',
};

export const settingsStore = createStore<Settings>(() => DEFAULT_SETTINGS);

/** Links and plans name streams before the model is known; one that the model has not leaves the decision to the mean. */
export function withKnownStream(detection: DetectionSettings, streams: readonly StreamSpec[]): DetectionSettings {
  const isKnown = streams.some(({ id }) => id === detection.streams);
  return isKnown ? detection : { ...detection, streams: DEFAULT_DETECTION.streams };
}
