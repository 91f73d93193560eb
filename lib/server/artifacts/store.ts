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

export interface ArtifactStore {
  /** "folder /var/lib/contigua/artifacts", "bucket contigua at https://…": for errors and the server panel, without secrets. */
  readonly where: string;
  /** Moves or uploads a finished local file. It is there whole and durable when this resolves, or not at all; doing it again is harmless. */
  put(
    key: string,
    path: string,
    expected: { readonly sizeBytes: number; readonly sha256: string },
  ): Promise<StoredArtifact>;
  /** Reads by range. Rejects with `artifact-missing`. */
  open(key: string): Promise<BlobLike>;
  /** A local file with the content, its checksum verified (`artifact-corrupt`): compute processes read files. */
  localCopy(artifact: StoredArtifact): Promise<string>;
  delete(key: string): Promise<void>;
  list(prefix: string): AsyncIterable<string>;
}
