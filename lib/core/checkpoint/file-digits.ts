/** A short name for what a file holds, so that the same inputs are found again whatever the file is called. */
import { hexOf, sha256, sha256OfAll } from '../sha256.ts';
import type { BlobLike } from './types.ts';

const PIECE_BYTES = 16 * 2 ** 20;
const DIGITS = 16;

/**
 * Leading hex digits of a SHA-256 over the SHA-256 of each piece: Web Crypto cannot hash a stream, and a calibration
 * file may be larger than memory. Rejects when the file cannot be read any more.
 */
export function fileDigits(file: BlobLike): Promise<string> {
  const known = digitsOf.get(file) ?? readDigits(file);
  digitsOf.set(file, known);
  // A failed reading is not kept: the next may find the file again.
  known.catch(() => digitsOf.delete(file));
  return known;
}

/** A blob's bytes do not change, so each is read once. */
const digitsOf = new WeakMap<BlobLike, Promise<string>>();

/** The same, read anew. */
export async function readDigits(file: BlobLike, pieceBytes = PIECE_BYTES): Promise<string> {
  const digests: Uint8Array<ArrayBuffer>[] = [];
  for (let start = 0; start < file.size; start += pieceBytes) {
    digests.push(await sha256(new Uint8Array(await file.slice(start, start + pieceBytes).arrayBuffer())));
  }
  return hexOf(await sha256OfAll(digests)).slice(0, DIGITS);
}
