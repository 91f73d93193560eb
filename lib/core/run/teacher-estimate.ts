/**
 * What the teacher's part of a run takes: windows, states on disk, bytes of weights read, and how often a batch goes through the
 * teacher. Counted as the trainer goes about it (lib/core/distil/teacher-states.ts). Pure.
 */
import { keptBytes, privateWindow, type StateDType, sharedWindow } from './teacher-windows.ts';

export interface TeacherRequest {
  readonly intervals: readonly { readonly first: number; readonly last: number }[];
  /** Bytes of each block's weights where they are read from. */
  readonly blockBytes: readonly number[];
  /** So many of the first blocks are read once, and stay. */
  readonly residentBlocks: number;
  /** Float32 bytes of one batch's state after one block, all streams together. */
  readonly stateBytes: number;
  /** Batches that a run of one interval asks for, and how many of them are distinct. */
  readonly batches: number;
  readonly distinct: number;
  readonly dtype: StateDType;
  readonly cacheBytes: number;
  readonly sweepBytes: number;
  /** Whether the states of batches come from a file. */
  readonly isGiven?: boolean | undefined;
}

export interface TeacherEstimate {
  /** Batches that go through the teacher together. */
  readonly windowBatches: number;
  /** Windows of all intervals together. */
  readonly windows: number;
  /** On disk if there were room for all that the intervals need, and what the budget lets be there. */
  readonly wantedBytes: number;
  readonly keptBytes: number;
  readonly dtype: StateDType;
  /** The states come from a file; absent where the teacher computes them. */
  readonly isGiven?: true;
  /** Weights read in all, held-out samples and baselines included; 0 where the teacher stays in memory. */
  readonly readBytes: number;
}

export interface TeacherWork extends TeacherEstimate {
  /** By block, how often batches pass it in the whole run. */
  readonly passes: readonly number[];
}

/** Held-out samples, and those that probes are fitted on, go through it for each interval. */
const SWEEPS_BEFORE_TRAINING = 2;

export function teacherWork(request: TeacherRequest): TeacherWork {
  const { intervals, blockBytes, residentBlocks, batches, distinct, cacheBytes, dtype } = request;
  const streamed = (first: number, last: number) =>
    blockBytes.slice(Math.max(first, residentBlocks), last + 1).reduce((sum, bytes) => sum + bytes, 0);
  if (request.isGiven) {
    // Probes are fitted on states between the interval's blocks, which the file does not hold.
    const reads = intervals.map(({ first, last }) => streamed(first, last));
    const readBytes = reads.reduce((sum, bytes) => sum + bytes, 0);
    const nothing = { windows: 0, wantedBytes: 0, keptBytes: 0, passes: blockBytes.map(() => 0) };
    return { ...nothing, isGiven: true, windowBatches: 1, dtype, readBytes };
  }
  const deepest = Math.max(...intervals.map(({ last }) => last));
  const boundaries = new Set(intervals.flatMap(({ first, last }) => [first - 1, last]));
  boundaries.delete(-1);
  const limits = { ...request, batches: distinct, boundaries: boundaries.size, isResident: deepest < residentBlocks };
  const perBatch = keptBytes(limits);
  const kept = Math.min(distinct, Math.floor(cacheBytes / perBatch));
  const shared = Math.ceil(kept / sharedWindow(limits));
  // What the cache does not hold each interval computes for itself, and again in every epoch that memory does not bridge.
  const size = privateWindow(limits);
  const rest = distinct - kept;
  const epochs = size >= distinct ? 1 : batches / distinct;
  const own = Math.ceil((rest * epochs) / size);
  const streamedTo = (last: number) => streamed(0, last);
  const ownReads = intervals.map(({ last }) => (own + SWEEPS_BEFORE_TRAINING) * streamedTo(last));
  return {
    windowBatches: kept > 0 ? sharedWindow(limits) : size,
    windows: shared + own * intervals.length,
    wantedBytes: distinct * perBatch,
    keptBytes: kept * perBatch,
    dtype,
    readBytes: shared * streamedTo(deepest) + ownReads.reduce((sum, bytes) => sum + bytes, 0),
    passes: blockBytes.map((_, block) => {
      const through = intervals.filter(({ last }) => last >= block).length;
      return (block <= deepest ? kept : 0) + through * rest * epochs;
    }),
  };
}

/** For people; `bytesWords` writes a number of bytes. */
export function teacherSentence(estimate: TeacherEstimate, bytesWords: (bytes: number) => string): string {
  const { windowBatches, windows, wantedBytes, keptBytes: kept, dtype, readBytes } = estimate;
  if (estimate.isGiven) {
    const weights = readBytes === 0 ? 'the teacher stays in memory' : `${bytesWords(readBytes)} of weights read`;
    return `the teacher’s states come from a file; ${weights}`;
  }
  // What is trained through the whole depth is trained against the output.
  if (wantedBytes === 0) return 'the whole teacher runs in every step; none of its states are kept';
  const count = (n: number, one: string, many: string) => `${n.toLocaleString('en-US')} ${n === 1 ? one : many}`;
  const reads =
    readBytes === 0
      ? 'the teacher stays in memory'
      : `the teacher goes through ${count(windows, 'window', 'windows')} of ${count(windowBatches, 'batch', 'batches')}, ${bytesWords(readBytes)} of weights read`;
  const room =
    kept >= wantedBytes
      ? 'are kept on disk'
      : kept > 0
        ? `of which the disk keeps ${bytesWords(kept)}`
        : 'none kept on disk';
  return `${reads}; ${bytesWords(wantedBytes)} of its states (${dtype})${kept >= wantedBytes ? ' ' : ', '}${room}`;
}
