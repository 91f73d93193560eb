/**
 * Bytes that are made when somebody asks for them, behind the face of a Blob: `slice` costs nothing, `arrayBuffer` makes
 * its range and no more. Files joined from pieces of other files are one case, tensors cast on the way the other.
 */
import type { BlobLike } from '../checkpoint/index.ts';

/** Bytes `start` to `end`, exclusive, of the whole. */
export type MakeRange = (start: number, end: number) => Promise<Uint8Array<ArrayBuffer>>;

/** Slices count as those of a Blob do: negative from the end, clamped to the size. */
export function lazyBlob(size: number, make: MakeRange, from = 0): BlobLike {
  const at = (position: number) => Math.min(Math.max(position < 0 ? size + position : position, 0), size);
  return {
    size,
    slice: (start = 0, end = size) => lazyBlob(Math.max(at(end) - at(start), 0), make, from + at(start)),
    async arrayBuffer() {
      const bytes = await make(from, from + size);
      if (bytes.byteLength === bytes.buffer.byteLength) return bytes.buffer;
      return bytes.slice().buffer;
    },
  };
}

/** The parts one after the other. */
export function joinedBlob(parts: readonly BlobLike[]): BlobLike {
  const starts: number[] = [];
  let size = 0;
  for (const part of parts) {
    starts.push(size);
    size += part.size;
  }
  return lazyBlob(size, async (start, end) => {
    const bytes = new Uint8Array(end - start);
    for (let i = lastAtOrBefore(starts, start); i < parts.length && starts[i]! < end; i++) {
      const offset = starts[i]!;
      const part = parts[i]!;
      const [from, to] = [Math.max(start - offset, 0), Math.min(end - offset, part.size)];
      if (to <= from) continue;
      const piece = new Uint8Array(await part.slice(from, to).arrayBuffer());
      if (piece.length !== to - from) throw new RangeError(`${piece.length} bytes read of ${to - from}`);
      bytes.set(piece, offset + from - start);
    }
    return bytes;
  });
}

/** Of ascending numbers, the index of the last that is not above `value`. */
function lastAtOrBefore(ascending: readonly number[], value: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return Math.max(low - 1, 0);
}
