/**
 * A folder as one ZIP, stored and not compressed (weights do not compress), as a Blob of which any range can be made:
 * the same files give the same bytes, so a download that broke off goes on where it was, and little is read for it.
 * Checksums follow the data, as the format allows, and are made of the bytes as they pass; a range that lies after bytes
 * that nobody read has them read once. Written here rather than with client-zip, which can only begin at the first byte.
 * Format: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3 (ZIP64, where a size or offset needs it).
 */
import { crc32 } from 'node:zlib';
import type { BlobLike } from '../../core/checkpoint/index.ts';
import { joinedBlob, lazyBlob } from '../../core/export/index.ts';

export interface ZippedFile {
  /** With forward slashes. */
  readonly path: string;
  readonly blob: BlobLike;
}

/** Sizes and checksum after the data; the path is UTF-8. */
const FLAGS = 0x0808;
/** 1 January 1980, the first day of the format: the same files give the same bytes on any day. */
const DATE = 0x0021;
const MAX_32 = 0xffff_ffff;
const MAX_16 = 0xffff;
const MODE = (0o100644 << 16) >>> 0;
const CHECK_BYTES = 4 * 2 ** 20;

export function zipBlob(files: readonly ZippedFile[]): BlobLike {
  const parts: BlobLike[] = [];
  let offset = 0;
  const add = (part: BlobLike) => {
    parts.push(part);
    offset += part.size;
  };
  const entries = files.map(({ path, blob }) => {
    const name = new TextEncoder().encode(path);
    const entry = { name, size: blob.size, offset, content: new CheckedBlob(blob) };
    const zip64 = blob.size >= MAX_32;
    add(fixed(localHeader(name, zip64)));
    add(entry.content.blob);
    add(
      lazyBlob(
        zip64 ? 24 : 16,
        ranged(async () => descriptor(await entry.content.checksum(), blob.size, zip64)),
      ),
    );
    return entry;
  });
  const directoryStart = offset;
  // Checksums do not change lengths: what a directory of zeros measures, the real one does.
  const directoryBytes = entries.reduce((sum, entry) => sum + directoryEntry(entry, 0).length, 0);
  const end = endRecords(entries.length, directoryStart, directoryBytes);
  const makeDirectory = async () => {
    const records = [];
    for (const entry of entries) records.push(directoryEntry(entry, await entry.content.checksum()));
    return Buffer.concat(records);
  };
  add(lazyBlob(directoryBytes, ranged(makeDirectory)));
  add(fixed(end));
  return joinedBlob(parts);
}

/** A file whose checksum is made of the bytes as somebody reads them in order, and of the rest when it is wanted. */
class CheckedBlob {
  readonly blob: BlobLike;
  private sum = 0;
  private position = 0;
  private rest: Promise<number> | null = null;

  constructor(private readonly source: BlobLike) {
    this.blob = lazyBlob(source.size, async (start, end) => {
      const bytes = new Uint8Array(await source.slice(start, end).arrayBuffer());
      this.pass(start, bytes);
      return bytes;
    });
  }

  /** One reading for all who wait; after a failure the next one tries again. */
  checksum(): Promise<number> {
    this.rest ??= this.readRest().catch((thrown: unknown) => {
      this.rest = null;
      throw thrown;
    });
    return this.rest;
  }

  private async readRest(): Promise<number> {
    while (this.position < this.source.size) {
      const start = this.position;
      const piece = this.source.slice(start, Math.min(start + CHECK_BYTES, this.source.size));
      const bytes = new Uint8Array(await piece.arrayBuffer());
      if (bytes.length === 0) throw new RangeError('A file became shorter while it was read');
      this.pass(start, bytes);
    }
    return this.sum;
  }

  private pass(start: number, bytes: Uint8Array): void {
    if (start !== this.position) return;
    this.sum = crc32(bytes, this.sum);
    this.position += bytes.length;
  }
}

function localHeader(name: Uint8Array, zip64: boolean): Buffer {
  const extra = zip64 ? 20 : 0;
  const header = Buffer.alloc(30 + name.length + extra);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(zip64 ? 45 : 20, 4);
  header.writeUInt16LE(FLAGS, 6);
  header.writeUInt16LE(DATE, 12);
  if (zip64) header.fill(0xff, 18, 26);
  header.writeUInt16LE(name.length, 26);
  header.writeUInt16LE(extra, 28);
  header.set(name, 30);
  if (zip64) header.set([1, 0, 16, 0], 30 + name.length);
  return header;
}

function descriptor(sum: number, size: number, zip64: boolean): Buffer {
  const record = Buffer.alloc(zip64 ? 24 : 16);
  record.writeUInt32LE(0x08074b50, 0);
  record.writeUInt32LE(sum, 4);
  for (const at of zip64 ? [8, 16] : []) record.writeBigUInt64LE(BigInt(size), at);
  for (const at of zip64 ? [] : [8, 12]) record.writeUInt32LE(size, at);
  return record;
}

function directoryEntry(
  { name, size, offset }: { readonly name: Uint8Array; readonly size: number; readonly offset: number },
  sum: number,
): Buffer {
  const large = [...(size >= MAX_32 ? [size, size] : []), ...(offset >= MAX_32 ? [offset] : [])];
  const extra = large.length === 0 ? 0 : 4 + 8 * large.length;
  const record = Buffer.alloc(46 + name.length + extra);
  record.writeUInt32LE(0x02014b50, 0);
  // Made on Unix, so that the mode counts.
  record.writeUInt16LE((3 << 8) | 45, 4);
  record.writeUInt16LE(large.length > 0 ? 45 : 20, 6);
  record.writeUInt16LE(FLAGS, 8);
  record.writeUInt16LE(DATE, 14);
  record.writeUInt32LE(sum, 16);
  record.writeUInt32LE(Math.min(size, MAX_32), 20);
  record.writeUInt32LE(Math.min(size, MAX_32), 24);
  record.writeUInt16LE(name.length, 28);
  record.writeUInt16LE(extra, 30);
  record.writeUInt32LE(MODE, 38);
  record.writeUInt32LE(Math.min(offset, MAX_32), 42);
  record.set(name, 46);
  if (extra > 0) {
    record.writeUInt16LE(1, 46 + name.length);
    record.writeUInt16LE(extra - 4, 48 + name.length);
    for (const [i, value] of large.entries()) record.writeBigUInt64LE(BigInt(value), 50 + name.length + 8 * i);
  }
  return record;
}

function endRecords(count: number, start: number, bytes: number): Buffer {
  const zip64 = count >= MAX_16 || start >= MAX_32 || bytes >= MAX_32;
  const record = Buffer.alloc((zip64 ? 76 : 0) + 22);
  let at = 0;
  if (zip64) {
    record.writeUInt32LE(0x06064b50, 0);
    record.writeBigUInt64LE(44n, 4);
    record.writeUInt16LE((3 << 8) | 45, 12);
    record.writeUInt16LE(45, 14);
    for (const position of [24, 32]) record.writeBigUInt64LE(BigInt(count), position);
    record.writeBigUInt64LE(BigInt(bytes), 40);
    record.writeBigUInt64LE(BigInt(start), 48);
    record.writeUInt32LE(0x07064b50, 56);
    record.writeBigUInt64LE(BigInt(start + bytes), 64);
    record.writeUInt32LE(1, 72);
    at = 76;
  }
  record.writeUInt32LE(0x06054b50, at);
  for (const position of [8, 10]) record.writeUInt16LE(Math.min(count, MAX_16), at + position);
  record.writeUInt32LE(Math.min(bytes, MAX_32), at + 12);
  record.writeUInt32LE(Math.min(start, MAX_32), at + 16);
  return record;
}

function fixed(bytes: Buffer): BlobLike {
  return lazyBlob(
    bytes.length,
    ranged(async () => bytes),
  );
}

function ranged(make: () => Promise<Buffer>): (start: number, end: number) => Promise<Uint8Array<ArrayBuffer>> {
  return async (start, end) => new Uint8Array((await make()).subarray(start, end));
}
