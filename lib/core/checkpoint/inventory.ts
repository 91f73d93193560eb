/** Lazy reads from an inventory of tensors: by name, as bytes or float32, neighbours together. Nothing is kept. */
import { ContiguaError } from '../errors.ts';
import { PIECE_BYTES, readRange } from './read-range.ts';
import { blockOf, decoded, type StoredDType, unreadable } from './stored-dtype.ts';
import type { BlobLike, ByteRange, Checkpoint, TensorInfo } from './types.ts';

/** Ranges are joined up to this size, and over gaps up to that one. */
const MAX_READ_BYTES = 64 * 1024 * 1024;
const MAX_GAP_BYTES = 64 * 1024;
/** A larger tensor is read in pieces when it is its turn. */
const MAX_AHEAD_BYTES = 256 * 1024 * 1024;
/** Of one tensor, as stored and as float32. The largest matrix of Qwen-Image takes 151 MB as float32. */
const MAX_TENSOR_BYTES = 2 ** 32;

export function checkpointOf<D extends StoredDType = StoredDType>(
  blobs: ReadonlyMap<string, BlobLike>,
  tensors: ReadonlyMap<string, TensorInfo<D>>,
  metadata: ReadonlyMap<string, string>,
): Checkpoint<D> {
  const find = (name: string): TensorInfo<D> => {
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
  /** Bytes `from` to `to` of the ranges one after the other. */
  const readParts = async (info: Located, from: number, to: number) => {
    const parts = partsOf(info, from, to);
    const [only] = parts;
    if (only && parts.length === 1) return await read(info.file, only.start, only.end);
    const bytes = new Uint8Array(to - from);
    let at = 0;
    for (const { start, end } of parts) {
      bytes.set(await read(info.file, start, end), at);
      at += end - start;
    }
    return bytes;
  };
  /** Of those that have one, by name. Scales of all layers often lie side by side. */
  const readScales = async (infos: readonly TensorInfo[]): Promise<ReadonlyMap<string, Float32Array>> => {
    const scales = new Map<string, Float32Array>();
    const scaled = infos.flatMap(({ name, scale }) => (scale ? [{ ...scale, name }] : []));
    for (const group of neighbours(scaled)) {
      const bytes = await readGroup(group);
      for (const scale of group) {
        scales.set(scale.name, decoded(bytes(scale), scale.dtype, { file: scale.file, tensor: scale.name }));
      }
    }
    return scales;
  };
  /** One read; the result cuts a member's bytes out of it. */
  const readGroup = async <T extends Located>(group: readonly T[]): Promise<(member: T) => Uint8Array> => {
    const [first] = group;
    if (!first) throw new RangeError('An empty group');
    if (group.length === 1) {
      const bytes = await readParts(first, 0, storedBytes(first));
      return () => bytes;
    }
    const bytes = await read(first.file, first.start, group.at(-1)?.end ?? 0);
    return ({ start, end }) => bytes.subarray(start - first.start, end - first.start);
  };
  /** Elements that fill whole blocks. */
  const readBlocks = async (info: TensorInfo, from: number, to: number, scale: Float32Array | undefined) => {
    const { dtype, file, name: tensor } = info;
    const block = blockOf(dtype);
    if (!block) throw unreadable(dtype, { file, tensor });
    const bytesAt = (element: number) => (element / block.elements) * block.bytes;
    const values = decoded(await readParts(info, bytesAt(from), bytesAt(to)), dtype, { file, tensor });
    multiply(values, scale, info, from);
    return values;
  };
  const readElements = async (info: TensorInfo, from: number, to: number, scale: Float32Array | undefined) => {
    const { elements: blockElements, bytes: blockBytes } = blockOf(info.dtype) ?? { elements: 1, bytes: 1 };
    const pieceElements = Math.floor(PIECE_BYTES / Math.max(blockBytes, blockElements)) * blockElements;
    const first = Math.floor(from / blockElements) * blockElements;
    const last = Math.ceil(to / blockElements) * blockElements;
    if (last - first <= pieceElements) {
      return trimmed(await readBlocks(info, first, last, scale), from - first, to - first);
    }
    refuseLarge(info, 4 * (to - from));
    const values = allocated(to - from, info);
    for (let at = first; at < last; at += pieceElements) {
      const end = Math.min(at + pieceElements, last);
      const piece = await readBlocks(info, at, end, scale);
      values.set(trimmed(piece, Math.max(from - at, 0), Math.min(to, end) - at), Math.max(at - from, 0));
    }
    return values;
  };
  const readFloat32 = async (info: TensorInfo, scale: Float32Array | undefined) => {
    refuseLarge(info, storedBytes(info));
    return await readElements(info, 0, elementsIn(info), scale);
  };
  const scaleOf = async (info: TensorInfo) => (info.scale ? (await readScales([info])).get(info.name) : undefined);
  return {
    files: [...blobs].map(([path, blob]) => {
      const version = versionOf(blob);
      return { path, sizeBytes: blob.size, ...(version === undefined ? {} : { version }) };
    }),
    tensors,
    metadata,
    withTensors: (others) => checkpointOf(blobs, others, metadata),
    async readBytes(name) {
      const info = find(name);
      const bytes = storedBytes(info);
      refuseLarge(info, bytes);
      return await readParts(info, 0, bytes);
    },
    readByteRange: async (name, from, to) => await readParts(find(name), from, to),
    async readFloat32(name, from = 0, to) {
      const info = find(name);
      if (from === 0 && to === undefined) return await readFloat32(info, await scaleOf(info));
      const all = elementsIn(info);
      const end = to ?? all;
      if (from < 0 || end < from || end > all) {
        throw new RangeError(`Elements ${from} to ${end} are not all in ${name}`);
      }
      return await readElements(info, from, end, await scaleOf(info));
    },
    async *readEach(names, aheadBytes = 0) {
      const infos = names.map(find);
      const scales = await readScales(infos);
      const groups = neighbours(infos);
      const reads: (Promise<(member: TensorInfo<D>) => Uint8Array> | null)[] = [];
      let waitingBytes = 0;
      const readAhead = (index: number) => {
        while (reads.length < groups.length && (reads.length <= index + 1 || waitingBytes < aheadBytes)) {
          const group = groups[reads.length]!;
          const read = bytesOf(group) <= MAX_AHEAD_BYTES ? readGroup(group) : null;
          // Whoever leaves the loop early does not wait for it.
          read?.catch(() => undefined);
          reads.push(read);
          waitingBytes += bytesOf(group);
        }
      };
      for (const [index, group] of groups.entries()) {
        readAhead(index);
        const bytes = await reads[index];
        reads[index] = null;
        waitingBytes -= bytesOf(group);
        for (const info of group) {
          const scale = scales.get(info.name);
          if (!bytes) {
            yield { info, values: await readFloat32(info, scale) };
            continue;
          }
          const { dtype, file, name: tensor } = info;
          const own = bytes(info);
          if (dtype === 'BF16' || dtype === 'F16' || dtype === 'F32') {
            yield {
              info,
              stored: { dtype, bytes: own },
              get values() {
                return decoded(own, dtype, { file, tensor });
              },
            };
            continue;
          }
          const values = decoded(own, dtype, { file, tensor });
          multiply(values, scale, info, 0);
          yield { info, values };
        }
      }
    },
  };
}

/** Bytes that it takes in its file. */
export function storedBytes({ start, end, then = [] }: Pick<TensorInfo, 'start' | 'end' | 'then'>): number {
  return then.reduce((sum, range) => sum + range.end - range.start, end - start);
}

/** Of the shape: element types below a byte are counted by it as well. */
function elementsIn({ shape }: TensorInfo): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** The ranges of the file that hold bytes `from` to `to` of a tensor. */
function partsOf({ start, end, then = [] }: Pick<TensorInfo, 'start' | 'end' | 'then'>, from: number, to: number) {
  const parts: ByteRange[] = [];
  let offset = 0;
  for (const range of [{ start, end }, ...then]) {
    const length = range.end - range.start;
    const [first, last] = [Math.max(from - offset, 0), Math.min(to - offset, length)];
    if (first < last) parts.push({ start: range.start + first, end: range.start + last });
    offset += length;
  }
  // Of nothing, a read of nothing: where it lies is still checked.
  return parts.length > 0 ? parts : [{ start, end: start }];
}

/** `values` are those of the tensor from element `from` on. Rounds to float32 once for each product. */
function multiply(
  values: Float32Array,
  scale: Float32Array | undefined,
  { shape, scale: source }: TensorInfo,
  from: number,
): void {
  if (!scale) return;
  if (!source?.perRow) {
    const factor = scale[0] ?? Number.NaN;
    for (let i = 0; i < values.length; i++) values[i]! *= factor;
    return;
  }
  const rowElements = shape.slice(1).reduce((product, n) => product * n, 1);
  for (let i = 0; i < values.length; i++) values[i]! *= scale[Math.floor((from + i) / rowElements)] ?? Number.NaN;
}

function trimmed(values: Float32Array, from: number, to: number): Float32Array {
  return from === 0 && to === values.length ? values : values.slice(from, to);
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

function bytesOf(group: readonly Located[]): number {
  return group.length === 1 ? storedBytes(group[0]!) : (group.at(-1)?.end ?? 0) - (group[0]?.start ?? 0);
}

type Located = ByteRange & Pick<TensorInfo, 'file' | 'then'>;

/** Runs of tensors close enough in one file to be read at once. */
export function neighbours<T extends Located>(infos: readonly T[]): T[][] {
  const sorted = infos.toSorted((x, y) => compareText(x.file, y.file) || x.start - y.start || x.end - y.end);
  const groups: T[][] = [];
  for (const info of sorted) {
    const group = groups.at(-1);
    const [first, last] = [group?.[0], group?.at(-1)];
    const joins =
      first &&
      last &&
      !first.then &&
      !info.then &&
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

/** A browser's File has the time when it was changed. */
function versionOf(blob: BlobLike): string | undefined {
  if (blob.version !== undefined) return blob.version;
  return 'lastModified' in blob && typeof blob.lastModified === 'number' ? String(blob.lastModified) : undefined;
}
