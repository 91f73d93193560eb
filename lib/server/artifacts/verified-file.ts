/** Reads a local file and refuses to end where its bytes are not those that were promised. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { ContiguaError } from '../../core/errors.ts';
import type { StoredArtifact } from './store.ts';

const READ_BYTES = 2 ** 20;

export interface Promised {
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** The parts as they come; rejects at the end with `artifact-corrupt`, so that a writer who renames last never does. */
export async function* verified(
  parts: AsyncIterable<Uint8Array>,
  { sizeBytes, sha256 }: Promised,
  shownAs: string,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const part of parts) {
    hash.update(part);
    size += part.byteLength;
    yield part;
  }
  const found = hash.digest('hex');
  if (found === sha256 && size === sizeBytes) return;
  throw notAsStored({ key: shownAs, sizeBytes, sha256 }, `${size} bytes, sha256 ${found}`);
}

export function notAsStored({ key, sizeBytes, sha256 }: StoredArtifact, found: string): ContiguaError {
  return new ContiguaError('artifact-corrupt', 'The content is not what was stored', {
    file: key,
    found,
    expected: `${sizeBytes} bytes, sha256 ${sha256}`,
    hint: 'Check the disk that holds it. Restore the file from a copy, or retry the job, which creates it again.',
  });
}

export function readParts(path: string): AsyncIterable<Uint8Array> {
  return createReadStream(path, { highWaterMark: READ_BYTES });
}

export async function assertContent(path: string, promised: Promised, shownAs: string): Promise<void> {
  for await (const _ of verified(readParts(path), promised, shownAs));
}
