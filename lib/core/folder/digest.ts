/**
 * A file's SHA-256 as hex, which names cached states and checkpoints' origins. Web Crypto hashes one buffer only; from 2 GiB
 * on, which no host reads at once, it is the hash of the pieces' hashes.
 */
import { type NamedBlob, readRange } from '../checkpoint/index.ts';
import { hexOf, sha256, sha256OfAll } from '../sha256.ts';

const PIECE_BYTES = 2 ** 26;
/** Below this the hash is that of the whole: earlier versions made it so, and wrote it down. */
const WHOLE_BYTES = 2 ** 31;

export async function digestOfFile({ path, blob }: NamedBlob, wholeBytes = WHOLE_BYTES): Promise<string> {
  if (blob.size < wholeBytes) return hexOf(await sha256(await readRange(blob, path, 0, blob.size)));
  const digests: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < blob.size; at += PIECE_BYTES) {
    digests.push(await sha256(await readRange(blob, path, at, Math.min(at + PIECE_BYTES, blob.size))));
  }
  return hexOf(await sha256OfAll(digests));
}
