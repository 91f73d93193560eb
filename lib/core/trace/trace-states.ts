/** The states of a trace in the order of depth, each read when it is its turn and let go of then. */
import { ContiguaError } from '../errors.ts';
import { pause } from '../pause.ts';
import type { PerStream } from '../report/report.ts';
import type { Trace } from './open-trace.ts';
import { stateTensor } from './trace-format.ts';
import { TRACE_HINT } from './trace-metadata.ts';

/** States as a capture gives them (`CapturedBlock` of lib/core/capture), of blocks that were not timed. */
export interface TracedBlock {
  /** −1 is the embedded input, i the state after block i. */
  readonly index: number;
  /** [rows, width] of every stream. */
  readonly states: PerStream<Float32Array>;
  readonly blockMs: null;
}

/** Which rows of each stream are read, ascending; null for all of them, as where the stream is not named. */
export type TakenRows = PerStream<Uint32Array | null>;

export interface TraceStatesOptions {
  readonly taken?: TakenRows | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The first index to yield. */
  readonly from?: number | undefined;
  /** Stores what belongs to a state that is about to be yielded. */
  readonly keep?: ((captured: TracedBlock) => Promise<void>) | undefined;
}

/** Throws `trace-invalid` at the first value that is not finite. */
export async function* traceStates(
  trace: Trace,
  { taken = {}, signal, from = -1, keep }: TraceStatesOptions = {},
): AsyncGenerator<TracedBlock> {
  for (let index = from; index < trace.model.blocks.length; index++) {
    const states: Record<string, Float32Array> = {};
    for (const { id } of trace.model.streams) {
      await pause(signal);
      states[id] = await readTaken(trace, id, index, taken[id] ?? null);
    }
    const traced = { index, states, blockMs: null };
    await keep?.(traced);
    yield traced;
  }
}

/** Rows that lie within so many of each other are read together: 50 MB of a width of 3072. */
const TILE_ROWS = 4096;

/** Rows `from` to `to`, exclusive, of those that are taken of a state; all of them by default. */
export async function readTaken(
  trace: Trace,
  stream: string,
  index: number,
  taken: Uint32Array | null,
  from = 0,
  to = taken?.length,
): Promise<Float32Array> {
  if (!taken || to === undefined) return await readState(trace, stream, index, from, to);
  const { width } = trace.model;
  const values = new Float32Array((to - from) * width);
  for (let at = from; at < to; ) {
    const first = taken[at]!;
    let end = at + 1;
    while (end < to && taken[end]! < first + TILE_ROWS) end += 1;
    const tile = await readState(trace, stream, index, first, taken[end - 1]! + 1);
    for (; at < end; at++) {
      const start = (taken[at]! - first) * width;
      values.set(tile.subarray(start, start + width), (at - from) * width);
    }
  }
  return values;
}

/** Rows `from` to `to`, exclusive, of a state [·, width]; all by default. */
export async function readState(
  { checkpoint, file, model: { width } }: Trace,
  stream: string,
  index: number,
  from = 0,
  to?: number,
): Promise<Float32Array> {
  const tensor = stateTensor(stream, index);
  const values = await checkpoint.readFloat32(tensor, from * width, to === undefined ? undefined : to * width);
  for (let at = 0; at < values.length; at++) {
    if (Number.isFinite(values[at])) continue;
    throw new ContiguaError('trace-invalid', 'A state holds a value that is not finite', {
      file,
      tensor,
      found: `${values[at]} at row ${from + Math.floor(at / width)}, feature ${at % width}`,
      expected: 'finite numbers',
      hint: `The model overflowed in its type: run it in BF16 or F32. ${TRACE_HINT}`,
    });
  }
  return values;
}
