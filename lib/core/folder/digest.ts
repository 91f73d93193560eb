/**
 * A file's SHA-256 as hex, which names cached states and checkpoints' origins. WebCrypto hashes one buffer only; from 2 GiB
 * on, which no host reads at once, it is the hash of the pieces' hashes.
 */
import { type NamedBlob, readRange } from '../checkpoint/index.ts';

const PIECE_BYTES = 2 ** 26;
/** Below this the hash is that of the whole: earlier versions made it so, and wrote it down. */
const WHOLE_BYTES = 2 ** 31;

export async function digestOfFile({ path, blob }: NamedBlob, wholeBytes = WHOLE_BYTES): Promise<string> {
  if (blob.size < wholeBytes) return hex(await sha256(await readRange(blob, path, 0, blob.size)));
  const digests: ArrayBuffer[] = [];
  for (let at = 0; at < blob.size; at += PIECE_BYTES) {
    digests.push(await sha256(await readRange(blob, path, at, Math.min(at + PIECE_BYTES, blob.size))));
  }
  return hex(await sha256(new Uint8Array(await new Blob(digests).arrayBuffer())));
}

function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  return crypto.subtle.digest('SHA-256', bytes);
}

function hex(digest: ArrayBuffer): string {
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
