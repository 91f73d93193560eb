/** Written by `npm run study -- --parts quality`; score-quality.ts says what it means. */
import type { MeasuredQuality } from './measured-quality.ts';

export const MEASURED_QUALITY: MeasuredQuality = {
  'shapes-flux': {
    steps: 200,
    captions: 12,
    scores: {
      removed: {
        intervals: { rho: 0.36, low: 0.14, high: 0.54, n: 76 },
        plans: { rho: 0.49, low: 0.27, high: 0.64, n: 80 },
      },
      probed: {
        intervals: { rho: 0.62, low: 0.46, high: 0.72, n: 76 },
        plans: { rho: 0.71, low: 0.53, high: 0.8, n: 80 },
      },
      cka: {
        intervals: { rho: 0.37, low: 0.15, high: 0.54, n: 76 },
        plans: { rho: 0.41, low: 0.18, high: 0.6, n: 80 },
      },
      probe: {
        intervals: { rho: 0.42, low: 0.21, high: 0.58, n: 76 },
        plans: { rho: 0.08, low: -0.14, high: 0.31, n: 80 },
      },
      direction: {
        intervals: { rho: 0.21, low: -0.02, high: 0.41, n: 76 },
        plans: { rho: 0.25, low: 0.01, high: 0.44, n: 80 },
      },
      early: {
        intervals: { rho: 0.43, low: 0.22, high: 0.59, n: 76 },
        plans: { rho: 0.52, low: 0.29, high: 0.68, n: 80 },
      },
      influence: {
        intervals: { rho: 0.18, low: -0.06, high: 0.38, n: 76 },
        plans: { rho: 0.24, low: -0.01, high: 0.44, n: 80 },
      },
      mse: {
        intervals: { rho: 0.31, low: 0.09, high: 0.49, n: 76 },
        plans: { rho: 0.05, low: -0.18, high: 0.27, n: 80 },
      },
      linear: {
        intervals: { rho: 0.64, low: 0.5, high: 0.73, n: 76 },
        plans: { rho: 0.73, low: 0.56, high: 0.82, n: 80 },
      },
      'linear-early': {
        intervals: { rho: 0.66, low: 0.51, high: 0.76, n: 76 },
        plans: { rho: 0.71, low: 0.53, high: 0.81, n: 80 },
      },
    },
  },
  'shapes-mmdit': {
    steps: 200,
    captions: 12,
    scores: {
      removed: {
        intervals: { rho: 0.57, low: 0.38, high: 0.71, n: 54 },
        plans: { rho: 0, low: -0.23, high: 0.23, n: 80 },
      },
      probed: {
        intervals: { rho: 0.79, low: 0.68, high: 0.87, n: 54 },
        plans: { rho: 0.43, low: 0.21, high: 0.59, n: 80 },
      },
      cka: {
        intervals: { rho: 0.88, low: 0.8, high: 0.93, n: 54 },
        plans: { rho: 0.6, low: 0.42, high: 0.74, n: 80 },
      },
      probe: {
        intervals: { rho: 0.56, low: 0.34, high: 0.72, n: 54 },
        plans: { rho: 0.18, low: -0.06, high: 0.41, n: 80 },
      },
      direction: {
        intervals: { rho: 0.65, low: 0.47, high: 0.77, n: 54 },
        plans: { rho: 0.2, low: -0.04, high: 0.42, n: 80 },
      },
      early: {
        intervals: { rho: 0.66, low: 0.49, high: 0.78, n: 54 },
        plans: { rho: 0.18, low: -0.07, high: 0.39, n: 80 },
      },
      influence: {
        intervals: { rho: 0.61, low: 0.42, high: 0.75, n: 54 },
        plans: { rho: 0.2, low: -0.03, high: 0.42, n: 80 },
      },
      mse: {
        intervals: { rho: 0.79, low: 0.65, high: 0.87, n: 54 },
        plans: { rho: 0.24, low: 0, high: 0.45, n: 80 },
      },
      linear: {
        intervals: { rho: 0.78, low: 0.65, high: 0.86, n: 54 },
        plans: { rho: 0.45, low: 0.23, high: 0.61, n: 80 },
      },
      'linear-early': {
        intervals: { rho: 0.8, low: 0.68, high: 0.88, n: 54 },
        plans: { rho: 0.47, low: 0.26, high: 0.62, n: 80 },
      },
    },
  },
};
