/**
 * Opens a file of whole states around intervals of blocks (docs/trace.md): those of every token of every sample of a calibration,
 * captured where the model's GPU is, for students to be trained on. Headers and metadata are checked at once; states are read
 * later, some samples at a time.
 */
import { type Checkpoint, type NamedBlob, openFile } from '../checkpoint/index.ts';
import { ContiguaError } from '../errors.ts';
import type { StreamId } from '../model/config-index.ts';
import type { PerStream } from '../report/report.ts';
import { hexOf, sha256OfAll } from '../sha256.ts';
import type { DType } from '../tensor/dtype.ts';
import {
  BOUNDARIES_KEY,
  BOUNDARIES_VERSION,
  boundaryIntervalsSchema,
  STATE_DTYPES,
  stateTensor,
  type TraceCalibration,
  type TraceModel,
  traceCalibrationSchema,
} from './trace-format.ts';
import { parsedValue, parseTracedModel } from './trace-metadata.ts';

export interface Boundaries {
  /** As the user knows it. */
  readonly file: string;
  readonly sizeBytes: number;
  readonly model: TraceModel;
  /** Whose samples the states are of, in its order; null where none was written beside them. */
  readonly calibration: TraceCalibration | null;
  readonly intervals: readonly { readonly first: number; readonly last: number }[];
  readonly samples: number;
  /** Of each sample, padded ones counted. */
  readonly tokens: PerStream<number>;
  readonly dtype: DType;
  readonly checkpoint: Checkpoint<DType>;
}

const CODE = 'trace-invalid';
export const BOUNDARIES_HINT =
  'Capture the states again with tools/capture/contigua_capture.py and `--intervals` (docs/trace.md describes the file).';

/** Throws `trace-invalid`. */
export async function openBoundaries(file: NamedBlob): Promise<Boundaries> {
  const checkpoint = await openFile(file);
  const { metadata } = checkpoint;
  checkVersion(metadata.get(BOUNDARIES_KEY), file.path);
  const { model } = parseTracedModel(metadata, file.path);
  const calibration = parsedValue(metadata, 'calibration', traceCalibrationSchema, file.path);
  const listed = parsedValue(metadata, 'intervals', boundaryIntervalsSchema, file.path);
  const intervals = listed.map(([first, last]) => ({ first, last }));
  const last = model.blocks.length - 1;
  const outside = intervals.find((one) => one.first > one.last || one.last > last);
  if (outside || intervals.length === 0) {
    throw new ContiguaError(CODE, outside ? 'An interval lies outside the model' : 'The file names no interval', {
      file: `${file.path} › intervals`,
      found: JSON.stringify(listed),
      expected: `intervals of blocks 0 to ${last}`,
      hint: BOUNDARIES_HINT,
    });
  }
  const sizeBytes = checkpoint.files.reduce((sum, one) => sum + one.sizeBytes, 0);
  const states = checkStates(checkpoint, model, intervals, file.path);
  return { file: file.path, sizeBytes, model, calibration, intervals, ...states, checkpoint };
}

/** The states of some samples after a block, or (−1) before the first [samples, tokens, width]. */
export async function readBoundary(
  { checkpoint, tokens, model: { width }, file }: Boundaries,
  stream: StreamId,
  block: number,
  samples: ArrayLike<number>,
): Promise<Float32Array> {
  const tensor = stateTensor(stream, block);
  const size = (tokens[stream] ?? 0) * width;
  const values = new Float32Array(samples.length * size);
  for (let at = 0; at < samples.length; at++) {
    const sample = samples[at]!;
    const own = await checkpoint.readFloat32(tensor, sample * size, (sample + 1) * size);
    const wrong = own.findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0) {
      throw new ContiguaError(CODE, 'A state holds a value that is not finite', {
        file,
        tensor,
        found: `${own[wrong]} in sample ${sample}, token ${Math.floor(wrong / width)}, feature ${wrong % width}`,
        expected: 'finite numbers',
        hint: `The model overflowed in its type: run it in BF16 or F32. ${BOUNDARIES_HINT}`,
      });
    }
    values.set(own, at * size);
  }
  return values;
}

/** Names the states: a hash of the inventory, the metadata and the last sample of every state, since gigabytes need not be read. */
export async function boundariesKey({ checkpoint, tokens, samples, model: { width } }: Boundaries): Promise<string> {
  const tensors = [...checkpoint.tensors.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const inventory = tensors.map(({ name, dtype, shape }) => [name, dtype, shape]);
  const digests = [new TextEncoder().encode(JSON.stringify({ metadata: [...checkpoint.metadata].sort(), inventory }))];
  for (const { name } of tensors) {
    const stream = Object.keys(tokens).find((id) => name.startsWith(`${id}.`));
    if (stream === undefined) continue;
    const size = tokens[stream]! * width;
    const last = await checkpoint.readFloat32(name, (samples - 1) * size, samples * size);
    digests.push(new Uint8Array(last.slice().buffer));
  }
  return hexOf(await sha256OfAll(digests));
}

function checkVersion(version: string | undefined, file: string): void {
  if (version === String(BOUNDARIES_VERSION)) return;
  const isNewer = Number(version) > BOUNDARIES_VERSION;
  throw new ContiguaError(
    CODE,
    version === undefined
      ? 'The file holds no states around intervals'
      : isNewer
        ? 'The file was written by a newer Contigua'
        : 'The file does not say which model and samples its states are of',
    {
      file,
      found: version === undefined ? `metadata without \`${BOUNDARIES_KEY}\`` : `version ${version}`,
      expected: version === undefined ? 'a boundaries.safetensors of Contigua' : `version ${BOUNDARIES_VERSION}`,
      hint: isNewer ? 'Update Contigua and open the file again.' : BOUNDARIES_HINT,
    },
  );
}

/** Both states of every interval are there in every stream, of one type and as many samples and tokens as the others. */
function checkStates(
  { tensors }: Checkpoint<DType>,
  { streams, width }: TraceModel,
  intervals: Boundaries['intervals'],
  file: string,
): Pick<Boundaries, 'samples' | 'tokens' | 'dtype'> {
  const wrong = (summary: string, tensor: string, found: string, expected: string) =>
    new ContiguaError(CODE, summary, { file, tensor, found, expected, hint: BOUNDARIES_HINT });
  const blocks = [...new Set(intervals.flatMap(({ first, last }) => [first - 1, last]))].sort((a, b) => a - b);
  let known: { readonly samples: number; readonly dtype: DType } | undefined;
  const tokens: Record<StreamId, number> = {};
  for (const { id } of streams) {
    for (const block of blocks) {
      const name = stateTensor(id, block);
      const info = tensors.get(name);
      if (!info) {
        const there = [...tensors.keys()].filter((one) => one.startsWith(`${id}.`)).join(', ');
        throw wrong(
          'A state is missing',
          name,
          there || `nothing of the stream ${id}`,
          'the state at an end of an interval',
        );
      }
      if (!STATE_DTYPES.some((one) => one === info.dtype) || (known && info.dtype !== known.dtype)) {
        throw wrong('Wrong dtype', name, info.dtype, known ? `${known.dtype}, as the others` : STATE_DTYPES.join(', '));
      }
      const [samples = 0, count = 0, features] = info.shape;
      const expected = `[${known?.samples ?? 'samples'}, ${tokens[id] ?? 'tokens'}, ${width}]`;
      const fits =
        info.shape.length === 3 &&
        features === width &&
        samples > 0 &&
        count > 0 &&
        samples === (known?.samples ?? samples) &&
        count === (tokens[id] ?? count);
      if (!fits) throw wrong('Wrong shape', name, `[${info.shape.join(', ')}]`, expected);
      known = { samples, dtype: info.dtype };
      tokens[id] = count;
    }
  }
  return { samples: known?.samples ?? 0, dtype: known?.dtype ?? 'F32', tokens };
}
