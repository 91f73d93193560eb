/** Safetensors files for tests, well-formed or broken in a chosen way. For tests only. */
import type { BlobLike, NamedBlob } from './types.ts';

/** A file of this header text and this many zero bytes of data; `headerLength` may lie. */
export function rawFile(header: string | Uint8Array, dataBytes: number, headerLength?: bigint): Blob {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const length = new DataView(new ArrayBuffer(8));
  length.setBigUint64(0, headerLength ?? BigInt(text.length), true);
  return new Blob([length.buffer, text.slice(), new Uint8Array(dataBytes)]);
}

/** Header entry text of one F32 tensor. */
export function entry(name: string, shape: readonly number[], begin: number, end: number, dtype = 'F32'): string {
  return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`;
}

export function named(path: string, content: BlobLike | string | Uint8Array<ArrayBuffer>): NamedBlob {
  const isBlob = typeof content === 'object' && 'slice' in content && 'arrayBuffer' in content;
  return { path, blob: isBlob ? content : new Blob([content]) };
}

/** A blob of any size that begins with these bytes and goes on with zeros that nobody stores. */
export function sparseBlob(size: number, head: Uint8Array = new Uint8Array()): BlobLike {
  const slice = (start = 0, end = size): BlobLike => ({
    size: end - start,
    slice: (from = 0, to = end - start) => slice(start + from, Math.min(start + to, end)),
    async arrayBuffer() {
      const bytes = new Uint8Array(end - start);
      bytes.set(head.subarray(start, end));
      return bytes.buffer;
    },
  });
  return slice();
}

/** Counts the reads, to see that they are few, small and lazy. */
export function countingReads(blob: BlobLike): { blob: BlobLike; reads: [number, number][] } {
  const reads: [number, number][] = [];
  const slice = (start = 0, end = blob.size): BlobLike => ({
    size: end - start,
    slice: (from = 0, to = end - start) => slice(start + from, start + to),
    arrayBuffer: () => {
      reads.push([start, end]);
      return blob.slice(start, end).arrayBuffer();
    },
  });
  return { blob: { ...slice(), size: blob.size }, reads };
}
