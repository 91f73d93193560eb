/** Text files and pipes named on the command line, read up to a limit: a report may be a pipe, and a pipe endless. */
import { open } from 'node:fs/promises';
import { asContiguaError, ContiguaError } from '../lib/core/errors.ts';

const READ_BYTES = 2 ** 20;

/** UTF-8 text of at most `maxBytes`, of a file or a pipe; a longer one is read no further. */
export async function readText(path: string, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    const file = await open(path, 'r');
    try {
      while (size <= maxBytes) {
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES);
        if (bytesRead === 0) break;
        chunks.push(buffer.subarray(0, bytesRead));
        size += bytesRead;
      }
    } finally {
      await file.close();
    }
  } catch (thrown) {
    throw new ContiguaError('inputs-invalid', 'The file cannot be read', {
      file: path,
      found: asContiguaError(thrown).summary,
    });
  }
  if (size > maxBytes) {
    throw new ContiguaError('inputs-invalid', 'The file is too large', {
      file: path,
      found: `more than ${maxBytes.toLocaleString('en-US')} bytes`,
      expected: `at most ${maxBytes.toLocaleString('en-US')} bytes`,
    });
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}
