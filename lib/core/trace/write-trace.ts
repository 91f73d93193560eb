/** Writes a trace of states that come one after the other, in the order of depth: of each, what is held is what is written. */
import { safetensorsLayout, type TensorLayout } from '../checkpoint/index.ts';
import type { PerStream } from '../report/report.ts';
import { fromFloat32 } from '../tensor/float.ts';
import {
  rowTensor,
  type STATE_DTYPES,
  stateTensor,
  TRACE_KEY,
  TRACE_VERSION,
  type TraceCalibration,
  type TraceModel,
  type TraceSampling,
} from './trace-format.ts';

export interface TraceToWrite {
  readonly model: TraceModel;
  readonly dtype: (typeof STATE_DTYPES)[number];
  /** Sample of each row, and the place of its token in the sample. */
  readonly rows: PerStream<Uint32Array>;
  readonly tokens: PerStream<Uint32Array>;
  /** [samples] */
  readonly groups: Uint32Array;
  readonly levels: Float64Array;
  readonly sampling: TraceSampling;
  readonly calibration: TraceCalibration | null;
  /** Who writes it, by name and version. */
  readonly versions: Readonly<Record<string, string>>;
}

/** The bytes of the file; `states` are −1 and every block in order, each [rows, width]. */
export async function* traceParts(
  { model, dtype, rows, tokens, groups, levels, sampling, calibration, versions }: TraceToWrite,
  states: AsyncIterable<{ readonly index: number; readonly states: PerStream<Float32Array> }>,
): AsyncGenerator<Uint8Array> {
  const ids = model.streams.map(({ id }) => id);
  const rowsOf = (id: string) => rows[id] ?? new Uint32Array();
  const origins = ids.flatMap((id) => {
    const samples = rowsOf(id);
    const shape = [samples.length];
    const whole = (of: 'sample' | 'token' | 'prompt_group', values: Iterable<number>) => {
      return { name: rowTensor(id, of), dtype: 'I32', shape, values: Int32Array.from(values) } as const;
    };
    const times = Float64Array.from(samples, (sample) => levels[sample]!);
    return [
      { name: rowTensor(id, 'timestep'), dtype: 'F64', shape, values: times } as const,
      whole('sample', samples),
      whole('token', tokens[id] ?? []),
      whole(
        'prompt_group',
        samples.map((sample) => groups[sample]!),
      ),
    ];
  });
  // Widest first, so that every tensor is aligned.
  origins.sort((a, b) => Number(b.dtype === 'F64') - Number(a.dtype === 'F64'));
  const indices = Array.from({ length: model.blocks.length + 1 }, (_, at) => at - 1);
  const layouts = indices.flatMap((index) =>
    ids.map((id): TensorLayout => ({ name: stateTensor(id, index), dtype, shape: [rowsOf(id).length, model.width] })),
  );
  const metadata = {
    [TRACE_KEY]: String(TRACE_VERSION),
    model: JSON.stringify(model),
    sampling: JSON.stringify(sampling),
    calibration: JSON.stringify(calibration),
    versions: JSON.stringify(versions),
  };
  yield safetensorsLayout([...origins, ...layouts], metadata, 'as-given').header;
  for (const { values } of origins) yield new Uint8Array(values.buffer);
  let next = -1;
  for await (const { index, states: values } of states) {
    if (index !== next) throw new RangeError(`State ${index} came in place of ${next}`);
    next += 1;
    for (const id of ids) yield fromFloat32(values[id]!, dtype);
  }
  if (next !== model.blocks.length) throw new RangeError(`States end before block ${next}`);
}
