/** Parts of small reports, for tests alone. */
import type { RunEdit } from '../edit/index.ts';
import type { EditDamage, Matrix, PerReading, Similarity, SplitFacts, StreamAnalysis } from './report.ts';

/** The matrix in every reading of both estimators, as if taken over that many tokens. */
export function similarityWith(readings: Matrix | PerReading<Matrix>, rows = 16): Similarity {
  const all = 'block-u/teacher-after-k' in readings ? readings : readingsOf(readings);
  const cka = all['block-u/teacher-after-k'];
  return { rows, cka: { debiased: cka, biased: cka }, trajectories: { debiased: all, biased: all }, bounds: null };
}

export function readingsOf(matrix: Matrix): PerReading<Matrix> {
  return {
    'block-u/teacher-after-k': matrix,
    'block-u/teacher-after-u': matrix,
    'probe-u/teacher-after-k': matrix,
    'probe-u/teacher-after-u': matrix,
  };
}

/** Similarities over held-out tokens and over all tokens are the same. */
export function streamWith(
  readings: Matrix | PerReading<Matrix>,
  probeError: StreamAnalysis['probeError'],
  probeR2 = probeError,
): StreamAnalysis {
  const similarity = similarityWith(readings);
  return { probeR2, probeError, probeBounds: null, similarity: { 'held-out': similarity, all: similarity }, bands: [] };
}

export const damageOf = (edit: RunEdit, outputError: number | null): EditDamage => ({
  edit,
  outputError,
  bounds: null,
  bands: [],
});

export const EXAMPLE_SPLIT: SplitFacts = {
  rule: 'prompt-groups',
  seed: 0,
  share: 0.25,
  groups: 8,
  heldOutGroups: 2,
  timesteps: [{ timestep: 0.5, samples: 8, heldOut: 2 }],
};
