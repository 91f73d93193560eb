/**
 * How far a run of several stages is and how long it may still take. Stages have shares of the whole (from the last
 * finished run where there was one); a stage may report again while a later one already runs. Pure.
 */
export interface StageProgress {
  readonly stage: string;
  readonly done: number;
  readonly total: number;
}

export type Shares = Readonly<Record<string, number>>;

/** Where the time of a first run is expected to go; only the estimate of the time left rests on it. */
export const FIRST_RUN_SHARES: Shares = { capture: 46, probes: 15, cka: 12, trajectories: 13, damage: 14 };

export function withStage(stages: readonly StageProgress[], next: StageProgress): readonly StageProgress[] {
  const index = stages.findIndex(({ stage }) => stage === next.stage);
  return index < 0 ? [...stages, next] : stages.with(index, next);
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
