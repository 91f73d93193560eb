/**
 * Where students and checkpoints are kept, by key ("runs/7/3-4/student.safetensors"): a folder of this machine, or any
 * S3-compatible bucket. A key's content never changes once it is there; whoever wants other bytes takes another key.
 */
import type { BlobLike } from '../../core/checkpoint/index.ts';

export interface StoredArtifact {
  readonly key: string;
  readonly sizeBytes: number;
  /** Lower-case hexadecimal, of the whole content. */
  readonly sha256: string;
}

/** Bytes as they were stored, or `artifact-corrupt`. */
export interface StoredContent {
  /** Reads by range. No byte is given out that was not checked; the first reading hashes the whole file for that. */
  readonly blob: BlobLike;
  /**
   * The whole from its first byte on, hashed while it streams: rejects before the last part where a byte differs, so the
   * receiver must treat a stream that does not end as nothing.
   */
  parts(): AsyncIterable<Uint8Array>;
}

export interface ArtifactStore {
  /** "folder /var/lib/contigua/artifacts", "bucket contigua at https://…": for errors and the server panel, without secrets. */
  readonly where: string;
  /** Moves or uploads a finished local file. It is there whole and durable when this resolves, or not at all; doing it again is harmless. */
  put(
    key: string,
    path: string,
    expected: { readonly sizeBytes: number; readonly sha256: string },
  ): Promise<StoredArtifact>;
  /** Rejects with `artifact-missing`, and `artifact-corrupt` where the size is another. */
  open(artifact: StoredArtifact): Promise<StoredContent>;
  /** A local file with the content, its checksum verified by this very call (`artifact-corrupt`): compute processes read files. */
  localCopy(artifact: StoredArtifact): Promise<string>;
  delete(key: string): Promise<void>;
  list(prefix: string): AsyncIterable<string>;
}
