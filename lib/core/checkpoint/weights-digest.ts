/**
 * A digest of a few bytes of every matrix. The fingerprint (fingerprint.ts) recognises a model by less than a megabyte and so
 * takes one whose later blocks were trained on, or that a LoRA was merged into, for the same; this one does not. It depends on
 * how the weights are stored, and is compared only with what the same files gave.
 */
import { hexOf, sha256, sha256OfAll } from '../sha256.ts';
import { storedBytes } from './inventory.ts';
import type { Checkpoint } from './types.ts';

/** Of each matrix, from its middle. */
const SAMPLED_BYTES = 64;
/** Each is a request where the model lies on a server. */
const READS_AT_ONCE = 8;

export async function weightsDigest(checkpoint: Checkpoint): Promise<string> {
  const matrices = [...checkpoint.tensors.values()]
    .filter(({ shape }) => shape.length > 1)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const digests: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < matrices.length; at += READS_AT_ONCE) {
    const reads = matrices.slice(at, at + READS_AT_ONCE).map(async (info) => {
      const size = storedBytes(info);
      const from = Math.max(0, Math.floor((size - SAMPLED_BYTES) / 2));
      return await sha256(await checkpoint.readByteRange(info.name, from, Math.min(size, from + SAMPLED_BYTES)));
    });
    digests.push(...(await Promise.all(reads)));
  }
  return `sha256:${hexOf(await sha256OfAll(digests))}`;
}
