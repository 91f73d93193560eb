/**
 * Stored bytes that are checked before they are handed out. A key's content never changes, so the first reading, which
 * hashes the whole file against the checksum that the database holds, also yields a sum of each piece of it; every later
 * range is read in whole pieces and compared with those. A file's size and times are not trusted: a disk that flips a bit
 * changes neither. Only the in-order stream gives out bytes before the whole is known, and it keeps back the last block.
 */
import { createHash } from 'node:crypto';
import type { BlobLike } from '../../core/checkpoint/index.ts';
import { ContiguaError } from '../../core/errors.ts';
import { lazyBlob } from '../../core/export/index.ts';
import type { StoredArtifact, StoredContent } from './store.ts';
import { notAsStored } from './verified-file.ts';

const PIECE_BYTES = 2 ** 18;
/** Read at once, and kept back at the end of a stream; a whole number of pieces. */
const BLOCK_BYTES = 2 ** 22;
const SUM_BYTES = 32;
/** Files whose sums are remembered: 5 MB of sums for a file of 40 GB. */
const KEPT = 256;

/** Of one store. */
export class VerifiedContents {
  /** By key and checksum, least recently opened first. */
  private readonly sums = new Map<string, Uint8Array>();
  private readonly passes = new Map<string, Promise<Uint8Array>>();

  /** `source` reads the stored object. Throws `artifact-corrupt` where it has another size. */
  open(source: BlobLike, artifact: StoredArtifact): StoredContent {
    if (source.size !== artifact.sizeBytes) throw notAsStored(artifact, `${source.size} bytes`);
    return {
      blob: lazyBlob(source.size, (start, end) => this.read(source, artifact, start, end)),
      parts: () => this.parts(source, artifact),
    };
  }

  private async read(source: BlobLike, artifact: StoredArtifact, start: number, end: number) {
    const sums = await this.sumsOf(source, artifact);
    const first = Math.floor(start / PIECE_BYTES);
    const from = first * PIECE_BYTES;
    const to = Math.min(Math.ceil(end / PIECE_BYTES) * PIECE_BYTES, source.size);
    const bytes = await bytesOf(source, artifact, from, to);
    const piece = differing(bytes, sums.subarray(first * SUM_BYTES));
    if (piece === null) return bytes.subarray(start - from, end - from);
    throw notAsStored(artifact, `other bytes from ${from + piece * PIECE_BYTES} on`);
  }

  private async *parts(source: BlobLike, artifact: StoredArtifact): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    if (!this.sums.has(nameOf(artifact))) {
      this.remember(artifact, yield* hashed(source, artifact));
      return;
    }
    for (let at = 0; at < source.size; at += BLOCK_BYTES) {
      yield await this.read(source, artifact, at, Math.min(at + BLOCK_BYTES, source.size));
    }
  }

  /** One pass for all who wait for it; a failed one is not kept, because the file may be put back. */
  private sumsOf(source: BlobLike, artifact: StoredArtifact): Promise<Uint8Array> {
    const name = nameOf(artifact);
    const known = this.sums.get(name);
    if (known) {
      this.remember(artifact, known);
      return Promise.resolve(known);
    }
    const running = this.passes.get(name);
    if (running) return running;
    const pass = allSums(source, artifact)
      .then((sums) => {
        this.remember(artifact, sums);
        return sums;
      })
      .finally(() => this.passes.delete(name));
    this.passes.set(name, pass);
    return pass;
  }

  private remember(artifact: StoredArtifact, sums: Uint8Array): void {
    const name = nameOf(artifact);
    this.sums.delete(name);
    this.sums.set(name, sums);
    for (const oldest of this.sums.keys()) {
      if (this.sums.size <= KEPT) return;
      this.sums.delete(oldest);
    }
  }
}

async function allSums(source: BlobLike, artifact: StoredArtifact): Promise<Uint8Array> {
  const blocks = hashed(source, artifact);
  for (;;) {
    const { done, value } = await blocks.next();
    if (done) return value;
  }
}

/** The blocks in order, the last one only when the whole is as stored; returns the sums of the pieces. */
async function* hashed(
  source: BlobLike,
  artifact: StoredArtifact,
): AsyncGenerator<Uint8Array<ArrayBuffer>, Uint8Array> {
  const whole = createHash('sha256');
  const sums = new Uint8Array(Math.ceil(source.size / PIECE_BYTES) * SUM_BYTES);
  let last: Uint8Array<ArrayBuffer> | null = null;
  for (let at = 0; at < source.size; at += BLOCK_BYTES) {
    if (last) yield last;
    last = await bytesOf(source, artifact, at, Math.min(at + BLOCK_BYTES, source.size));
    whole.update(last);
    for (let piece = 0; piece < last.length; piece += PIECE_BYTES) {
      sums.set(sumOf(last, piece), ((at + piece) / PIECE_BYTES) * SUM_BYTES);
    }
  }
  const found = whole.digest('hex');
  if (found !== artifact.sha256) throw notAsStored(artifact, `sha256 ${found}`);
  if (last) yield last;
  return sums;
}

async function bytesOf(source: BlobLike, artifact: StoredArtifact, start: number, end: number) {
  const read = await source
    .slice(start, end)
    .arrayBuffer()
    .catch((thrown: unknown) => {
      // A stored file never changes, so one that does is no longer what was stored.
      if (thrown instanceof ContiguaError && thrown.code === 'source-changed') {
        throw notAsStored(artifact, thrown.details.found ?? 'a file that changes');
      }
      throw thrown;
    });
  const bytes = new Uint8Array(read);
  if (bytes.length === end - start) return bytes;
  throw notAsStored(artifact, `${bytes.length} bytes of the ${end - start} from ${start} on`);
}

/** The index of the first piece that has another sum, or null. */
function differing(bytes: Uint8Array, sums: Uint8Array): number | null {
  for (let piece = 0; piece * PIECE_BYTES < bytes.length; piece++) {
    const expected = sums.subarray(piece * SUM_BYTES, (piece + 1) * SUM_BYTES);
    if (sumOf(bytes, piece * PIECE_BYTES).compare(expected) !== 0) return piece;
  }
  return null;
}

function sumOf(bytes: Uint8Array, start: number): Buffer {
  return createHash('sha256')
    .update(bytes.subarray(start, start + PIECE_BYTES))
    .digest();
}

function nameOf({ key, sha256 }: StoredArtifact): string {
  return `${key} ${sha256}`;
}
