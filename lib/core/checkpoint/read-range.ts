/**
 * One place where bytes are taken from a blob, so that a file that shrank or moved away is named in the error. Long ranges
 * are read in pieces: Node ends the process at a single read of 2 GiB, and browsers fail it.
 */
import { asContiguaError, ContiguaError } from '../errors.ts';
import type { BlobLike } from './types.ts';

/** What is decoded at once of a long range. */
export const PIECE_BYTES = 2 ** 26;

/** Most bytes that are asked of a blob at once: those of Qwen-Image's largest matrix, as joining pieces copies them all. */
export const MAX_READ_BYTES = 2 ** 27;

/** Enough for the header of a model of a few hundred tensors, so that most files need one read to be described. */
export const FIRST_READ_BYTES = 128 * 1024;

export async function readRange(
  blob: BlobLike,
  file: string,
  start: number,
  end: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (end - start <= MAX_READ_BYTES) return await readPiece(blob, file, start, end);
  const bytes = allocated(end - start, file);
  for (let at = start; at < end; at += MAX_READ_BYTES) {
    bytes.set(await readPiece(blob, file, at, Math.min(at + MAX_READ_BYTES, end)), at - start);
  }
  return bytes;
}

/** Zeros. Throws `too-large` where the memory does not hold them. */
export function allocated(size: number, file: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(size);
  } catch {
    throw new ContiguaError('too-large', 'There is not enough memory for this part of the file', {
      file,
      found: `${size.toLocaleString('en-US')} bytes`,
    });
  }
}

async function readPiece(blob: BlobLike, file: string, start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
  let buffer: ArrayBuffer;
  try {
    buffer = await blob.slice(start, end).arrayBuffer();
  } catch (thrown) {
    if (thrown instanceof ContiguaError) throw thrown;
    throw new ContiguaError('checkpoint-incomplete', 'The file could not be read', {
      file,
      found: asContiguaError(thrown).summary,
      expected: `bytes ${start} to ${end}`,
      hint: 'If the file changed or moved since it was picked, pick it again.',
    });
  }
  if (buffer.byteLength !== end - start) {
    throw new ContiguaError('checkpoint-incomplete', 'The file ended early', {
      file,
      found: `${buffer.byteLength} bytes at ${start}`,
      expected: `${end - start} bytes`,
      hint: 'Pick the file again or download it again.',
    });
  }
  return new Uint8Array(buffer);
}
