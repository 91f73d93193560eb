/** What was measured of the streams, as a report has it. */
import { detectionShares } from '../detection/detection-shares.ts';
import type { DeclaredStack } from '../model/config-index.ts';
import type { Confidence, PerStream, StreamAnalysis } from '../report/report.ts';
import type { ComparedStream } from './compare-streams.ts';
import { type JudgedRows, RESAMPLING_SEED } from './judged-rows.ts';
import { CONFIDENCE_LEVEL } from './percentile-bounds.ts';
import type { WeightedProbeQuality } from './probe-bounds.ts';

/** `quality`: one per block. */
export function streamAnalysis(
  quality: readonly (WeightedProbeQuality | null)[],
  { all, heldOut, resampled }: ComparedStream,
  isResampled: boolean,
): StreamAnalysis {
  const bounds = isResampled && resampled ? resampled.bounds : null;
  return {
    probeR2: quality.map((of) => of?.r2 ?? null),
    probeError: quality.map((of) => of?.error ?? null),
    probeBounds: bounds && {
      r2: quality.map((of) => of?.r2Bounds ?? null),
      error: quality.map((of) => of?.errorBounds ?? null),
    },
    similarity: { 'held-out': heldOut && { ...heldOut, bounds }, all },
    bands: (resampled?.bands ?? []).map((similarity, band) => ({
      probeR2: quality.map((of) => of?.bands[band]?.r2 ?? null),
      probeError: quality.map((of) => of?.bands[band]?.error ?? null),
      similarity,
    })),
  };
}

/** Null where nothing was resampled. */
export function confidenceOf(
  { weightings, groups }: JudgedRows,
  compared: PerStream<ComparedStream>,
  numBlocks: number,
  stacks: readonly DeclaredStack[],
): Confidence | null {
  const { resamples } = weightings;
  if (resamples === 0) return null;
  const trajectories = Object.fromEntries(
    Object.entries(compared).flatMap(([id, { resampled }]) => (resampled ? [[id, resampled.trajectories]] : [])),
  );
  return {
    level: CONFIDENCE_LEVEL,
    resamples,
    seed: RESAMPLING_SEED,
    groups,
    detections: detectionShares(trajectories, numBlocks, resamples, stacks),
  };
}
