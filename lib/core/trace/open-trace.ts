/**
 * Opens a trace: headers, metadata and where its rows come from are checked at once; states are read later, one at a time
 * and by ranges, so that a trace of any size opens alike.
 */
import { type Checkpoint, type NamedBlob, openFile } from '../checkpoint/index.ts';
import { ContiguaError } from '../errors.ts';
import type { ModelConfig, StreamId } from '../model/config-index.ts';
import type { CalibrationFacts, PerStream } from '../report/report.ts';
import type { DType } from '../tensor/dtype.ts';
import { integersOf } from '../tensor/integers.ts';
import { rowTensor, STATE_DTYPES, stateTensor, type TraceModel, type TraceSampling } from './trace-format.ts';
import { parseTraceMetadata, TRACE_HINT } from './trace-metadata.ts';

export interface Trace {
  /** As the user knows it. */
  readonly file: string;
  readonly sizeBytes: number;
  readonly model: TraceModel;
  readonly config: ModelConfig;
  readonly sampling: TraceSampling;
  /** Of states. */
  readonly dtype: DType;
  readonly samples: TracedSamples;
  readonly checkpoint: Checkpoint<DType>;
}

/** What an analysis needs to know of the inputs (lib/core/capture/calibration.ts has the same of inputs that are at hand). */
export interface TracedSamples {
  readonly facts: Pick<CalibrationFacts, 'kind' | 'label' | 'seed' | 'file' | 'samples' | 'timesteps'>;
  /** Sample of each row, numbered from 0. */
  readonly rows: PerStream<Uint32Array>;
  /** [samples] */
  readonly groups: Uint32Array;
  /** [samples], in [0, 1]. */
  readonly levels: Float64Array;
}

/** Debiased CKA needs four rows in each part. */
const FEWEST_ROWS = 8;

export async function openTrace(file: NamedBlob): Promise<Trace> {
  const checkpoint = await openFile(file);
  const { model, config, calibration, sampling } = parseTraceMetadata(checkpoint.metadata, file.path);
  const dtype = checkStates(checkpoint, model, file.path);
  const origins: Record<StreamId, RowOrigins> = {};
  for (const { id } of model.streams) origins[id] = await readOrigins(checkpoint, id, file.path);
  const sizeBytes = checkpoint.files.reduce((sum, one) => sum + one.sizeBytes, 0);
  return {
    file: file.path,
    sizeBytes,
    model,
    config,
    sampling,
    dtype,
    samples: samplesOf(origins, { file: file.path, seed: sampling.seed, calibration }),
    checkpoint,
  };
}

/** Every state of every stream is there, of one dtype and as many rows as the others of its stream. */
function checkStates({ tensors }: Checkpoint<DType>, { streams, blocks, width }: TraceModel, file: string): DType {
  const wrong = (summary: string, tensor: string, found: string, expected: string) =>
    new ContiguaError('trace-invalid', summary, { file, tensor, found, expected, hint: TRACE_HINT });
  let dtype: DType | null = null;
  for (const { id } of streams) {
    let rows: number | null = null;
    for (let index = -1; index < blocks.length; index++) {
      const name = stateTensor(id, index);
      const info = tensors.get(name);
      if (!info) {
        const place = index < 0 ? 'the state that enters block 0' : `the state after block ${index}`;
        const there = blocks.filter((_, block) => tensors.has(stateTensor(id, block))).length;
        throw wrong('A state is missing', name, `states after ${there} of ${blocks.length} blocks`, place);
      }
      if (!STATE_DTYPES.some((known) => known === info.dtype)) {
        throw wrong('Wrong dtype', name, info.dtype, STATE_DTYPES.join(', '));
      }
      if (dtype !== null && info.dtype !== dtype)
        throw wrong('Wrong dtype', name, info.dtype, `${dtype}, as the others`);
      dtype = info.dtype;
      const [found, features] = info.shape;
      const shown = `[${info.shape.join(', ')}]`;
      if (info.shape.length !== 2 || features !== width || found === undefined) {
        throw wrong('Wrong shape', name, shown, `[rows, ${width}]`);
      }
      if (rows !== null && found !== rows) {
        throw wrong(
          'States have different numbers of rows',
          name,
          shown,
          `[${rows}, ${width}], as ${stateTensor(id, -1)}`,
        );
      }
      rows = found;
      if (rows < FEWEST_ROWS) throw wrong('There are too few rows', name, `${rows}`, `at least ${FEWEST_ROWS}`);
    }
  }
  return dtype ?? 'F32';
}

/** Where the rows of one stream come from [rows]. */
interface RowOrigins {
  readonly sample: ArrayLike<number>;
  readonly group: ArrayLike<number>;
  readonly timestep: ArrayLike<number>;
}

async function readOrigins(checkpoint: Checkpoint<DType>, stream: StreamId, file: string): Promise<RowOrigins> {
  const [rows = 0] = checkpoint.tensors.get(stateTensor(stream, -1))?.shape ?? [];
  const read = async (of: 'sample' | 'prompt_group' | 'timestep'): Promise<Float64Array> => {
    const tensor = rowTensor(stream, of);
    const info = checkpoint.tensors.get(tensor);
    const wrong = (summary: string, found: string, expected: string) =>
      new ContiguaError('trace-invalid', summary, { file, tensor, found, expected, hint: TRACE_HINT });
    if (!info) throw wrong('A tensor is missing', 'none of that name', `[${rows}], one value for each row`);
    if (info.shape.join() !== String(rows)) {
      const expected = `[${rows}], one value for each row of ${stateTensor(stream, -1)}`;
      throw wrong('There are not as many values as rows', `[${info.shape.join(', ')}]`, expected);
    }
    const wholes = integersOf(info.dtype);
    const floats = of === 'timestep' && ['F64', 'F32', 'F16', 'BF16'].includes(info.dtype);
    if (!wholes && !floats) {
      const expected = of === 'timestep' ? 'F64 or F32' : 'whole numbers, such as I32';
      throw wrong('Wrong dtype', info.dtype, expected);
    }
    const values = wholes
      ? Float64Array.from(wholes(await checkpoint.readBytes(tensor)), Number)
      : info.dtype === 'F64'
        ? new Float64Array((await checkpoint.readBytes(tensor)).slice().buffer)
        : Float64Array.from(await checkpoint.readFloat32(tensor));
    const fits = of === 'timestep' ? (v: number) => v >= 0 && v <= 1 : (v: number) => Number.isSafeInteger(v) && v >= 0;
    const at = values.findIndex((value) => !fits(value));
    if (at >= 0) {
      const expected = of === 'timestep' ? '0 to 1' : 'whole numbers from 0';
      throw wrong('A value is out of range', `${values[at]} at row ${at}`, expected);
    }
    return values;
  };
  return { sample: await read('sample'), group: await read('prompt_group'), timestep: await read('timestep') };
}

/** Samples as an analysis numbers them; rows of one sample agree about its prompt and its timestep. */
function samplesOf(
  origins: Readonly<Record<StreamId, RowOrigins>>,
  about: { readonly file: string; readonly seed: number; readonly calibration: CalibrationFacts['file'] },
): TracedSamples {
  const numbers = new Set(Object.values(origins).flatMap(({ sample }) => Array.from(sample)));
  const place = new Map([...numbers].sort((a, b) => a - b).map((number, at) => [number, at]));
  const groups = new Map<number, number>();
  const groupOf = new Uint32Array(place.size);
  const levels = new Float64Array(place.size).fill(Number.NaN);
  const rows: Record<StreamId, Uint32Array> = {};
  const rawGroups = new Map<number, number>();
  for (const [stream, { sample, group, timestep }] of Object.entries(origins)) {
    rows[stream] = Uint32Array.from(sample, (number, row) => {
      const at = place.get(number) ?? 0;
      const wrong = (of: 'prompt_group' | 'timestep', found: number, known: number) =>
        new ContiguaError('trace-invalid', `Rows of one sample disagree about its ${of}`, {
          file: about.file,
          tensor: rowTensor(stream, of),
          found: `${found} at row ${row}, sample ${number}`,
          expected: `${known}, as in other rows of the sample`,
          hint: TRACE_HINT,
        });
      const [ownGroup, ownLevel] = [group[row]!, timestep[row]!];
      const knownGroup = rawGroups.get(at);
      if (knownGroup === undefined) {
        rawGroups.set(at, ownGroup);
        if (!groups.has(ownGroup)) groups.set(ownGroup, groups.size);
        levels[at] = ownLevel;
      } else if (knownGroup !== ownGroup) throw wrong('prompt_group', ownGroup, knownGroup);
      else if (levels[at] !== ownLevel) throw wrong('timestep', ownLevel, levels[at]!);
      return at;
    });
  }
  // Numbered in the order of the samples, as a calibration's are.
  groups.clear();
  for (let at = 0; at < place.size; at++) {
    const raw = rawGroups.get(at)!;
    if (!groups.has(raw)) groups.set(raw, groups.size);
    groupOf[at] = groups.get(raw)!;
  }
  const timesteps = [...new Set(levels)].sort((a, b) => a - b);
  const label =
    `${about.file}: ${place.size} sample${place.size === 1 ? '' : 's'} of ${groups.size} prompt${groups.size === 1 ? '' : 's'} ` +
    `at ${timesteps.length} time step${timesteps.length === 1 ? '' : 's'}`;
  return {
    facts: { kind: 'trace', label, seed: about.seed, file: about.calibration, samples: place.size, timesteps },
    rows,
    groups: groupOf,
    levels,
  };
}
