/** Writes whole states around intervals, tensor after tensor, as tools/capture/contigua_capture.py does. */
import { safetensorsLayout, type TensorLayout } from '../checkpoint/index.ts';
import type { PerStream } from '../report/report.ts';
import { fromFloat32 } from '../tensor/float.ts';
import {
  BOUNDARIES_KEY,
  BOUNDARIES_VERSION,
  type STATE_DTYPES,
  stateTensor,
  type TraceCalibration,
  type TraceModel,
} from './trace-format.ts';

export interface BoundariesToWrite {
  readonly model: TraceModel;
  readonly calibration: TraceCalibration | null;
  readonly intervals: readonly { readonly first: number; readonly last: number }[];
  readonly dtype: (typeof STATE_DTYPES)[number];
  readonly samples: number;
  /** Of each sample, padded ones counted. */
  readonly tokens: PerStream<number>;
}

/** Blocks whose states the intervals need, ascending; −1 is the embedded input. */
export function boundaryBlocks(intervals: BoundariesToWrite['intervals']): readonly number[] {
  return [...new Set(intervals.flatMap(({ first, last }) => [first - 1, last]))].sort((a, b) => a - b);
}

/** The bytes of the file; `read` gives the pieces of a stream's state after a block [samples, tokens, width], in order. */
export async function* boundaryParts(
  { model, calibration, intervals, dtype, samples, tokens }: BoundariesToWrite,
  read: (stream: string, block: number) => AsyncIterable<Float32Array>,
): AsyncGenerator<Uint8Array> {
  const blocks = boundaryBlocks(intervals);
  const states = model.streams.flatMap(({ id }) => blocks.map((block) => ({ id, block })));
  const layouts = states.map(
    ({ id, block }): TensorLayout => ({
      name: stateTensor(id, block),
      dtype,
      shape: [samples, tokens[id] ?? 0, model.width],
    }),
  );
  const metadata = {
    [BOUNDARIES_KEY]: String(BOUNDARIES_VERSION),
    intervals: JSON.stringify(intervals.map(({ first, last }) => [first, last])),
    model: JSON.stringify(model),
    calibration: JSON.stringify(calibration),
  };
  yield safetensorsLayout(layouts, metadata, 'as-given').header;
  for (const { id, block } of states) {
    for await (const values of read(id, block)) yield fromFloat32(values, dtype);
  }
}
