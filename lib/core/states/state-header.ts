/**
 * The header of a stored matrix, 32 bytes, little-endian: magic, rows, width, checksum of the values, checksum of the
 * header itself. The checksum is FNV-1a over 32-bit words in four interleaved lanes: it finds what a disk or a crash does
 * to a file, at the speed of memory, in a browser too.
 */
import type { StateFile } from './state-folder.ts';
import type { StateShape } from './state-store.ts';

export const HEADER_BYTES = 32;
/** "CSTATE01" */
const MAGIC = [0x54535f43, 0x31304554] as const;

export interface Header extends StateShape {
  readonly checksum: number;
}

export function writeHeader({ rows, width, checksum }: Header): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(HEADER_BYTES / 4);
  words.set([...MAGIC, rows, width, checksum]);
  words[7] = sumOf(words.subarray(0, 7));
  return new Uint8Array(words.buffer);
}

/** Null where it is none. */
export function parseHeader(bytes: Uint8Array): Header | null {
  const words = new Uint32Array(bytes.slice(0, HEADER_BYTES).buffer);
  const [first, second, rows, width, checksum] = words;
  if (first !== MAGIC[0] || second !== MAGIC[1] || words[7] !== sumOf(words.subarray(0, 7))) return null;
  return { rows: rows!, width: width!, checksum: checksum! };
}

/** Of bytes that come in pieces of whole words. */
export function startChecksum(): { add(bytes: Uint8Array): void; readonly value: number } {
  const lanes = new Int32Array(4).fill(0x811c9dc5 | 0);
  let at = 0;
  return {
    add(bytes) {
      const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
      const words = new Int32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
      let i = 0;
      for (; i < words.length && at % 4 !== 0; i++, at++) lanes[at & 3] = Math.imul(lanes[at & 3]! ^ words[i]!, PRIME);
      let [a, b, c, d] = [lanes[0]!, lanes[1]!, lanes[2]!, lanes[3]!];
      const whole = i + ((words.length - i) & ~3);
      at += words.length - i;
      for (; i < whole; i += 4) {
        a = Math.imul(a ^ words[i]!, PRIME);
        b = Math.imul(b ^ words[i + 1]!, PRIME);
        c = Math.imul(c ^ words[i + 2]!, PRIME);
        d = Math.imul(d ^ words[i + 3]!, PRIME);
      }
      lanes.set([a, b, c, d]);
      for (let lane = 0; i < words.length; i++, lane++) lanes[lane] = Math.imul(lanes[lane]! ^ words[i]!, PRIME);
    },
    get value() {
      return sumOf(new Uint32Array([...lanes, at]));
    },
  };
}

/** Of `length` bytes of a file from `at` on. */
export async function checksumOf(file: StateFile, at: number, length: number, pieceBytes: number): Promise<number> {
  const checksum = startChecksum();
  for (let done = 0; done < length; done += pieceBytes) {
    const piece = new Uint8Array(Math.min(pieceBytes, length - done));
    await file.read(at + done, piece);
    checksum.add(piece);
  }
  return checksum.value;
}

const PRIME = 0x01000193;

function sumOf(words: Uint32Array): number {
  return words.reduce((sum, word) => Math.imul(sum ^ word, PRIME), 0x811c9dc5 | 0) >>> 0;
}
