/**
 * How many batches go through the teacher together. Of a teacher whose weights do not stay in memory each block is read
 * once per window, so that a window is as large as memory (states on their way through the blocks) and disk (states that
 * the intervals need) allow. The trainer and the estimate both size windows here. Pure.
 */

/** What teacher states are kept in; rounding to bf16 halves the disk that they take and changes what students are trained on. */
export const STATE_DTYPES = ['f32', 'bf16'] as const;
export type StateDType = (typeof STATE_DTYPES)[number];

const FLOAT32_BYTES = 4;
const BYTES = { f32: 4, bf16: 2 } as const satisfies Record<StateDType, number>;

/** Memory of the states of one window, unless settings say otherwise. */
export const DEFAULT_SWEEP_BYTES = 2 ** 30;

export interface WindowLimits {
  /** Float32 bytes of one batch's state after one block, all streams together. */
  readonly stateBytes: number;
  readonly dtype: StateDType;
  /** States of each batch that the run's intervals need. */
  readonly boundaries: number;
  /** Budget on disk; 0 for none. */
  readonly cacheBytes: number;
  /** Budget in memory. */
  readonly sweepBytes: number;
  /** Batches that the run asks for, each counted once. */
  readonly batches: number;
  /** Weights that stay in memory are read once whatever the order: then a window is one batch. */
  readonly isResident: boolean;
}

/** States of a batch in memory while it is swept for one interval alone: on its way, before and after. */
const PRIVATE_STATES = 3;

/** Batches of a window whose states go to disk; at least one. */
export function sharedWindow(limits: WindowLimits): number {
  const { stateBytes, cacheBytes, sweepBytes } = limits;
  return atLeastOne(limits, Math.min(sweepBytes / stateBytes, cacheBytes / keptBytes(limits)));
}

/** Batches of a window whose states stay in the memory of the one process that trains on them; at least one. */
export function privateWindow(limits: WindowLimits): number {
  return atLeastOne(limits, limits.sweepBytes / (PRIVATE_STATES * limits.stateBytes));
}

/** Bytes on disk of one batch. */
export function keptBytes({
  stateBytes,
  dtype,
  boundaries,
}: Pick<WindowLimits, 'stateBytes' | 'dtype' | 'boundaries'>) {
  return boundaries * stateBytes * (BYTES[dtype] / FLOAT32_BYTES);
}

function atLeastOne({ batches, isResident }: WindowLimits, fitting: number): number {
  return isResident ? 1 : Math.max(1, Math.min(batches, Math.floor(fitting)));
}
