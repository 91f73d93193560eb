/** What the next analysis will be measured on. Its key names it among kept analyses. */
import { createStore } from 'zustand/vanilla';
import type { CalibrationRequest } from '@/workers/protocol.ts';

export interface CalibrationChoice {
  readonly kind: CalibrationRequest['kind'];
  readonly samples: number;
  readonly timesteps: number;
  readonly seed: number;
  readonly file: File | null;
}

export const DEFAULT_CALIBRATION: CalibrationChoice = {
  kind: 'shapes',
  samples: 64,
  timesteps: 8,
  seed: 1,
  file: null,
};

export const calibrationStore = createStore<CalibrationChoice>(() => DEFAULT_CALIBRATION);

/** Null while a file is asked for and none is given. */
export function requestOf(choice: CalibrationChoice): CalibrationRequest | null {
  if (choice.kind === 'file')
    return choice.file && { kind: 'file', file: { path: choice.file.name, blob: choice.file } };
  const { kind, samples, timesteps, seed } = choice;
  return { kind, samples, timesteps, seed };
}

/** Two requests with the same key measure the same thing (a file goes by name, size and date). */
export function keyOf(choice: CalibrationChoice): string {
  if (choice.kind !== 'file') return `${choice.kind}-${choice.samples}-${choice.timesteps}-${choice.seed}`;
  return choice.file ? `file-${choice.file.name}-${choice.file.size}-${choice.file.lastModified}` : 'file';
}
