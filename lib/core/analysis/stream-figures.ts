/** What was measured of the streams, as a report has it. */
import { detectionShares } from '../detection/detection-shares.ts';
import type { DeclaredStack } from '../model/config-index.ts';
import type { Confidence, PerStream, StreamAnalysis } from '../report/report.ts';
import type { ComparedStream } from './compare-streams.ts';
import { type JudgedRows, RESAMPLING_SEED } from './judged-rows.ts';
import { CONFIDENCE_LEVEL, sixDigits } from './percentile-bounds.ts';
import type { WeightedProbeQuality } from './probe-bounds.ts';

/** `quality`: one per block. */
export function streamAnalysis(
  quality: readonly (WeightedProbeQuality | null)[],
  { all, heldOut }: ComparedStream,
): StreamAnalysis {
  const short = (value: number | null | undefined) => (typeof value === 'number' ? sixDigits(value) : null);
  return {
    probeR2: quality.map((of) => of?.r2 ?? null),
    probeError: quality.map((of) => of?.error ?? null),
    probeBounds: heldOut?.whole.bounds
      ? { r2: quality.map((of) => of?.r2Bounds ?? null), error: quality.map((of) => of?.errorBounds ?? null) }
      : null,
    similarity: { 'held-out': heldOut?.whole ?? null, all },
    bands: (heldOut?.bands ?? []).map((similarity, band) => ({
      probeR2: quality.map((of) => short(of?.bands[band]?.r2)),
      probeError: quality.map((of) => short(of?.bands[band]?.error)),
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
    Object.entries(compared).flatMap(([id, { heldOut }]) => (heldOut ? [[id, heldOut.resampled]] : [])),
  );
  return {
    level: CONFIDENCE_LEVEL,
    resamples,
    seed: RESAMPLING_SEED,
    groups,
    detections: detectionShares(trajectories, numBlocks, resamples, stacks),
  };
}
