/** One place where bytes are taken from a blob, so that a file that shrank or moved away is named in the error. */
import { asContiguaError, ContiguaError } from '../errors.ts';
import type { BlobLike } from './types.ts';

export async function readRange(
  blob: BlobLike,
  file: string,
  start: number,
  end: number,
): Promise<Uint8Array<ArrayBuffer>> {
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
      hint: 'Pick the file again or download it anew.',
    });
  }
  return new Uint8Array(buffer);
}
