/**
 * How far a run of several stages is and how long it may still take. Stages have shares of the whole (from the last
 * finished run where there was one); a stage may report again while a later one already runs. Pure.
 */
import type { AnyEstimate } from '@/lib/compute/protocol.ts';

export interface StageProgress {
  readonly stage: string;
  readonly done: number;
  readonly total: number;
}

export type Shares = Readonly<Record<string, number>>;

/**
 * Where the time of a first run is expected to go, as it went for the sample's 16 blocks. Capture and probes visit every
 * block once; the later stages compare blocks with blocks and grow by one factor of depth more. Only the estimate of the
 * time left rests on it.
 */
export function firstRunShares(numBlocks: number): Shares {
  const depth = numBlocks / 16;
  return { capture: 46, probes: 15, cka: 12 * depth, trajectories: 13 * depth, damage: 14 * depth };
}

/** Of a run that was measured before it began. */
export function estimatedShares({ seconds }: Pick<AnyEstimate, 'seconds'>): Shares {
  const { probes, similarity } = seconds;
  const isTrace = 'reading' in seconds;
  // States are compared once, and surrogates of every block with every later one: the comparison is nearly all surrogates.
  return {
    capture: isTrace ? seconds.reading : seconds.weights + seconds.forward,
    probes,
    cka: similarity * CKA_SHARE,
    trajectories: similarity * (1 - CKA_SHARE),
    damage: isTrace ? 0 : seconds.damage,
  };
}

const CKA_SHARE = 0.05;

/** A stage as it runs: its first report is the zero point of its pace. */
export interface RunningStage extends StageProgress {
  readonly firstDone: number;
  readonly firstAtMs: number;
}

export function withStage(
  stages: readonly RunningStage[],
  { stage, done, total }: StageProgress,
  nowMs: number,
): readonly RunningStage[] {
  const index = stages.findIndex((known) => known.stage === stage);
  const before = stages[index];
  if (!before) return [...stages, { stage, done, total, firstDone: done, firstAtMs: nowMs }];
  return stages.with(index, { ...before, done, total });
}

/** Steps per second since the stage's first report, or null while there is only that one. */
export function pacePerSecond({ done, firstDone, firstAtMs }: RunningStage, nowMs: number): number | null {
  const elapsedMs = nowMs - firstAtMs;
  return done > firstDone && elapsedMs > 0 ? ((done - firstDone) * 1_000) / elapsedMs : null;
}

/** 0…1 over all stages, unreported ones counting as not begun. */
export function shareDone(stages: readonly StageProgress[], shares: Shares): number {
  const known = stages.map(({ stage }) => shares[stage] ?? 0).reduce((sum, share) => sum + share, 0);
  const whole = Object.values(shares).reduce((sum, share) => sum + share, 0);
  if (whole === 0 || known === 0) return 0;
  const done = stages.reduce(
    (sum, { stage, done, total }) => sum + (total > 0 ? ((shares[stage] ?? 0) * Math.min(done, total)) / total : 0),
    0,
  );
  return Math.min(1, done / whole);
}

/** Milliseconds left at the pace so far, or null while too little has happened to say. */
export function remainingMs(elapsedMs: number, share: number): number | null {
  return elapsedMs < 400 || share < 0.02 ? null : (elapsedMs * (1 - share)) / share;
}
