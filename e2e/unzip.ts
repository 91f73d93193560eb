/** Reads the ZIP files that the server makes: stored, not compressed, sizes in the directory at the end (APPNOTE 4.3.12). */
import type { Files } from './model-folder.ts';

const END = 0x06054b50;
const END_BYTES = 22;

export function unzip(zip: Buffer): Files {
  const end = zip.length - END_BYTES;
  if (zip.readUInt32LE(end) !== END) throw new Error('Not a ZIP without a comment');
  const files: Files = new Map();
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const [method, size] = [zip.readUInt16LE(at + 10), zip.readUInt32LE(at + 24)];
    if (method !== 0) throw new Error('A file in the ZIP is compressed');
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((place) => zip.readUInt16LE(at + place)) as [
      number,
      number,
      number,
    ];
    const local = zip.readUInt32LE(at + 42);
    const data = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    files.set(zip.toString('utf8', at + 46, at + 46 + nameBytes), zip.subarray(data, data + size));
    at += 46 + nameBytes + extraBytes + commentBytes;
  }
  return files;
}
