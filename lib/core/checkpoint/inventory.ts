/** Lazy reads from an inventory of tensors: by name, as bytes or float32, neighbours together. Nothing is kept. */
import { ContiguaError } from '../errors.ts';
import { toFloat32 } from '../tensor/float.ts';
import { readRange } from './read-range.ts';
import type { BlobLike, Checkpoint, TensorInfo } from './types.ts';

/** Ranges are joined up to this size, and over gaps up to that one. */
const MAX_READ_BYTES = 64 * 1024 * 1024;
const MAX_GAP_BYTES = 64 * 1024;

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
      hint: 'The checkpoint does not fit its config.json, or is incomplete.',
    });
  };
  const read = (file: string, start: number, end: number) => {
    const blob = blobs.get(file);
    if (!blob) throw new RangeError(`No blob for ${file}`);
    return readRange(blob, file, start, end);
  };
  const readBytes = async (name: string) => {
    const { file, start, end } = find(name);
    return read(file, start, end);
  };
  return {
    files: [...blobs].map(([path, blob]) => ({ path, sizeBytes: blob.size })),
    tensors,
    metadata,
    readBytes,
    readFloat32: async (name) => {
      const { dtype, file } = find(name);
      return toFloat32(await readBytes(name), dtype, { file, tensor: name });
    },
    async *readEach(names) {
      for (const group of neighbours(names.map(find))) {
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
