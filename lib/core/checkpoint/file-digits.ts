/** A short name for what a file holds, so that the same inputs are found again whatever the file is called. */
import type { BlobLike } from './types.ts';

const PIECE_BYTES = 16 * 2 ** 20;
const DIGITS = 16;

/**
 * Leading hex digits of a SHA-256 over the SHA-256 of each piece: Web Crypto cannot hash a stream, and a calibration
 * file may be larger than memory. Rejects when the file cannot be read any more.
 */
export async function fileDigits(file: BlobLike, pieceBytes = PIECE_BYTES): Promise<string> {
  const digests: ArrayBuffer[] = [];
  for (let start = 0; start < file.size; start += pieceBytes) {
    const piece = await file.slice(start, start + pieceBytes).arrayBuffer();
    digests.push(await crypto.subtle.digest('SHA-256', piece));
  }
  const whole = await crypto.subtle.digest('SHA-256', await new Blob(digests).arrayBuffer());
  const hex = [...new Uint8Array(whole)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.slice(0, DIGITS);
}
