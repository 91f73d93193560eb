/** How the report is read and drawn: everything here changes what is shown, never what was measured. */
import { createStore } from 'zustand/vanilla';
import {
  type DamageScore,
  DEFAULT_DAMAGE_SCORE,
  DEFAULT_DETECTION,
  type DetectionSettings,
} from '@/lib/core/detection/index.ts';
import type { Replacement } from '@/lib/core/plan/plan.ts';

export interface Settings {
  readonly detection: DetectionSettings;
  /** Ranks detected intervals for the slider. */
  readonly score: DamageScore;
  readonly replacement: Replacement;
  /** Block u that the trajectories start from. */
  readonly startBlock: number;
  readonly colours: 'viridis' | 'cividis';
  /** Colour ramp over 0…1, or over the values present in either heatmap. */
  readonly scale: 'full' | 'data';
}

export const DEFAULT_SETTINGS: Settings = {
  detection: DEFAULT_DETECTION,
  score: DEFAULT_DAMAGE_SCORE,
  replacement: 'removed',
  startBlock: 0,
  colours: 'viridis',
  scale: 'data',
};

export const settingsStore = createStore<Settings>(() => DEFAULT_SETTINGS);
