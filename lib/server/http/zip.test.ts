import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { BlobLike } from '../../core/checkpoint/index.ts';
import { lazyBlob } from '../../core/export/index.ts';
import { zipBlob } from './zip.ts';

const bytesOf = (length: number, seed: number) => {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + seed) >>> 3;
  return bytes;
};
const FILES = [
  { path: 'model/config.json', bytes: new TextEncoder().encode('{"a":1}') },
  { path: 'model/transformer/weights – größer.safetensors', bytes: bytesOf(2 ** 20 + 17, 4) },
  { path: 'model/empty', bytes: new Uint8Array(0) },
];
/** Counts what is read. */
function source(bytes: Uint8Array, reads: { bytes: number } = { bytes: 0 }): BlobLike {
  return lazyBlob(bytes.length, async (start, end) => {
    reads.bytes += end - start;
    return new Uint8Array(bytes.subarray(start, end));
  });
}
const filesOf = (reads?: { bytes: number }) => FILES.map(({ path, bytes }) => ({ path, blob: source(bytes, reads) }));
const read = async (blob: BlobLike, start = 0, end = blob.size) =>
  Buffer.from(await blob.slice(start, end).arrayBuffer());
const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** A ZIP's files as its directory lists them, ZIP64 included; a check of the format by another reading of it. */
async function listed(zip: BlobLike) {
  const tail = await read(zip, zip.size - 22);
  expect(tail.readUInt32LE(0)).toBe(0x06054b50);
  let [count, start] = [tail.readUInt16LE(10), tail.readUInt32LE(16)];
  if (start === 0xffffffff) {
    const locator = await read(zip, zip.size - 42, zip.size - 22);
    expect(locator.readUInt32LE(0)).toBe(0x07064b50);
    const end = await read(zip, Number(locator.readBigUInt64LE(8)), zip.size - 42);
    expect(end.readUInt32LE(0)).toBe(0x06064b50);
    [count, start] = [Number(end.readBigUInt64LE(32)), Number(end.readBigUInt64LE(48))];
  }
  const directory = await read(zip, start);
  const files = [];
  for (let at = 0; files.length < count; ) {
    expect(directory.readUInt32LE(at)).toBe(0x02014b50);
    const [nameLength, extraLength] = [directory.readUInt16LE(at + 28), directory.readUInt16LE(at + 30)];
    const path = directory.subarray(at + 46, at + 46 + nameLength).toString();
    let [size, offset] = [directory.readUInt32LE(at + 24), directory.readUInt32LE(at + 42)];
    let extra = at + 46 + nameLength + 4;
    const next = () => {
      extra += 8;
      return Number(directory.readBigUInt64LE(extra - 8));
    };
    if (size === 0xffffffff) [size] = [next(), next()];
    if (offset === 0xffffffff) offset = next();
    const sum = directory.readUInt32LE(at + 16);
    const local = await read(zip, offset, offset + 30);
    expect(local.readUInt32LE(0)).toBe(0x04034b50);
    const data = offset + 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
    const zip64 = local.readUInt16LE(28) > 0;
    const after = await read(zip, data + size, data + size + (zip64 ? 24 : 16));
    expect(after.readUInt32LE(4)).toBe(sum);
    expect(zip64 ? Number(after.readBigUInt64LE(8)) : after.readUInt32LE(8)).toBe(size);
    files.push({ path, size, sum, data });
    at += 46 + nameLength + extraLength;
  }
  return files;
}

describe('a ZIP made of ranges', () => {
  it('holds every file under its path, with its checksum', async () => {
    const zip = zipBlob(filesOf());
    const files = await listed(zip);
    expect(files.map(({ path, size, sum }) => ({ path, size, sum }))).toEqual(
      FILES.map(({ path, bytes }) => ({ path, size: bytes.length, sum: crc32(bytes) })),
    );
    const [, weights] = files;
    expect(sha256Of(await read(zip, weights!.data, weights!.data + weights!.size))).toBe(sha256Of(FILES[1]!.bytes));
  });

  it('is the same bytes whole, in pieces, and from any place on by another that read nothing before', async () => {
    const whole = await read(zipBlob(filesOf()));
    for (const step of [300_003, 2 ** 18]) {
      const zip = zipBlob(filesOf());
      const pieces = [];
      for (let at = 0; at < zip.size; at += step) pieces.push(await read(zip, at, Math.min(at + step, zip.size)));
      expect(sha256Of(Buffer.concat(pieces))).toBe(sha256Of(whole));
    }
    for (const from of [0, 1, 40, 700_000, whole.length - 300, whole.length - 1]) {
      expect(sha256Of(await read(zipBlob(filesOf()), from))).toBe(sha256Of(whole.subarray(from)));
    }
  });

  it('reads each file once for a download from end to end, though checksums come after the data', async () => {
    const reads = { bytes: 0 };
    const zip = zipBlob(filesOf(reads));
    for (let at = 0; at < zip.size; at += 2 ** 18) await read(zip, at, Math.min(at + 2 ** 18, zip.size));
    const total = FILES.reduce((sum, { bytes }) => sum + bytes.length, 0);
    expect(reads.bytes).toBe(total);
  });

  it('reads nothing of the files for a range of its data but that range', async () => {
    const reads = { bytes: 0 };
    await read(zipBlob(filesOf(reads)), 500_000, 500_500);
    expect(reads.bytes).toBe(500);
  });

  it('gives the right checksum when two downloads read at once, and after a read that failed', async () => {
    let failing = true;
    const { path, bytes } = FILES[1]!;
    const blob = lazyBlob(bytes.length, async (start, end) => {
      if (failing && end > 700_000) throw new Error('the disk is gone');
      return new Uint8Array(bytes.subarray(start, end));
    });
    const zip = zipBlob([{ path, blob }]);
    await expect(read(zip)).rejects.toThrow('the disk is gone');
    await expect(listed(zip)).rejects.toThrow('the disk is gone');
    failing = false;
    await Promise.all([read(zip), read(zip, 100), read(zip)]);
    expect((await listed(zip))[0]?.sum).toBe(crc32(bytes));
  });

  it('grows beyond 4 GiB', async () => {
    const large = 2 ** 32 + 10;
    const zeros = new Uint8Array(4 * 2 ** 20);
    const blob = lazyBlob(large, async (start, end) =>
      end - start <= zeros.length ? zeros.subarray(0, end - start) : new Uint8Array(end - start),
    );
    const last = new TextEncoder().encode('last');
    const zip = zipBlob([
      { path: 'zeros', blob },
      { path: 'last', blob: source(last) },
    ]);
    const files = await listed(zip);
    expect(files.map(({ path, size }) => [path, size])).toEqual([
      ['zeros', large],
      ['last', 4],
    ]);
    expect(files[1]?.sum).toBe(crc32(last));
    expect((await read(zip, files[1]!.data, files[1]!.data + 4)).toString()).toBe('last');
    // The checksum of so much takes seconds.
  }, 180_000);
});
