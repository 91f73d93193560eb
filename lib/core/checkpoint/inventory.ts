/** Lazy reads from an inventory of tensors: by name, as bytes or float32, neighbours together. Nothing is kept. */
import { ContiguaError } from '../errors.ts';
import { DTYPE_BITS } from '../tensor/dtype.ts';
import { toFloat32 } from '../tensor/float.ts';
import { PIECE_BYTES, readRange } from './read-range.ts';
import type { BlobLike, Checkpoint, TensorInfo } from './types.ts';

/** Ranges are joined up to this size, and over gaps up to that one. */
const MAX_READ_BYTES = 64 * 1024 * 1024;
const MAX_GAP_BYTES = 64 * 1024;
/** Of one tensor, as stored and as float32. The largest matrix of Qwen-Image takes 151 MB as float32. */
const MAX_TENSOR_BYTES = 2 ** 32;

export function checkpointOf(
  blobs: ReadonlyMap<string, BlobLike>,
  tensors: ReadonlyMap<string, TensorInfo>,
  metadata: ReadonlyMap<string, string>,
): Checkpoint {
  const find = (name: string): TensorInfo => {
    const info = tensors.get(name);
    if (info) return info;
    throw new ContiguaError('weight-missing', 'The checkpoint has no such tensor', {
      file: [...blobs.keys()].join(', '),
      tensor: name,
      found: `${tensors.size} other tensors`,
      hint: 'The checkpoint does not match its config.json, or is incomplete.',
    });
  };
  const read = (file: string, start: number, end: number) => {
    const blob = blobs.get(file);
    if (!blob) throw new RangeError(`No blob for ${file}`);
    return readRange(blob, file, start, end);
  };
  const readBytes = async (name: string) => {
    const info = find(name);
    const { file, start, end } = info;
    refuseLarge(info, end - start);
    return read(file, start, end);
  };
  const readFloat32 = async (info: TensorInfo) => {
    const { dtype, file, start, end, name: tensor } = info;
    if (end - start <= PIECE_BYTES) return toFloat32(await read(file, start, end), dtype, { file, tensor });
    const elements = Math.floor(((end - start) * 8) / DTYPE_BITS[dtype]);
    refuseLarge(info, Math.max(4 * elements, end - start));
    const values = allocated(elements, info);
    // Every dtype that has a float meaning fills whole bytes, of which a piece holds a whole number.
    for (let at = start, done = 0; at < end; at += PIECE_BYTES) {
      const piece = toFloat32(await read(file, at, Math.min(at + PIECE_BYTES, end)), dtype, { file, tensor });
      values.set(piece, done);
      done += piece.length;
    }
    return values;
  };
  return {
    files: [...blobs].map(([path, blob]) => ({ path, sizeBytes: blob.size })),
    tensors,
    metadata,
    readBytes,
    readFloat32: async (name, from, to) => await readFloat32(elementsOf(find(name), from, to)),
    async *readEach(names) {
      for (const group of neighbours(names.map(find))) {
        const [only] = group;
        if (only && group.length === 1) {
          yield { info: only, values: await readFloat32(only) };
          continue;
        }
        const start = group[0]?.start ?? 0;
        const bytes = await read(group[0]?.file ?? '', start, group.at(-1)?.end ?? 0);
        for (const info of group) {
          const slice = bytes.subarray(info.start - start, info.end - start);
          yield { info, values: toFloat32(slice, info.dtype, { file: info.file, tensor: info.name }) };
        }
      }
    },
  };
}

/** A part of a tensor, as if it were a tensor of its own. */
function elementsOf(info: TensorInfo, from = 0, to?: number): TensorInfo {
  if (from === 0 && to === undefined) return info;
  const elementBytes = DTYPE_BITS[info.dtype] / 8;
  const end = to === undefined ? info.end : info.start + to * elementBytes;
  const start = info.start + from * elementBytes;
  if (start >= info.start && start <= end && end <= info.end && Number.isInteger(start)) return { ...info, start, end };
  throw new RangeError(`Elements ${from} to ${to ?? 'the end'} are not all in ${info.name}`);
}

function refuseLarge(info: TensorInfo, bytes: number): void {
  if (bytes > MAX_TENSOR_BYTES) throw tooLarge(info, bytes, `at most ${MAX_TENSOR_BYTES.toLocaleString('en-US')}`);
}

function allocated(elements: number, info: TensorInfo): Float32Array {
  try {
    return new Float32Array(elements);
  } catch {
    throw tooLarge(info, 4 * elements, 'as much free memory');
  }
}

function tooLarge({ file, name }: TensorInfo, bytes: number, expected: string): ContiguaError {
  return new ContiguaError('too-large', 'The tensor is too large to be read', {
    file,
    tensor: name,
    found: `${bytes.toLocaleString('en-US')} bytes in memory`,
    expected,
  });
}

/** Runs of tensors close enough in one file to be read at once. */
function neighbours(infos: TensorInfo[]): TensorInfo[][] {
  const sorted = infos.toSorted((x, y) => compareText(x.file, y.file) || x.start - y.start || x.end - y.end);
  const groups: TensorInfo[][] = [];
  for (const info of sorted) {
    const group = groups.at(-1);
    const [first, last] = [group?.[0], group?.at(-1)];
    const joins =
      first &&
      last &&
      first.file === info.file &&
      info.start - last.end <= MAX_GAP_BYTES &&
      info.end - first.start <= MAX_READ_BYTES;
    if (joins) group?.push(info);
    else groups.push([info]);
  }
  return groups;
}

function compareText(x: string, y: string): number {
  return x < y ? -1 : x > y ? 1 : 0;
}
