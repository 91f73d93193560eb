/** What reports are made from: as the page analyses the samples by itself. */
export const CALIBRATION = { kind: 'shapes', samples: 64, timesteps: 8, seed: 7 } as const;
