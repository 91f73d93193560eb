/** What a checkpoint is to the rest of the product: an inventory of tensors that are read one at a time from Blobs. */
import type { DType } from '../tensor/dtype.ts';

/** A browser File, an HTTP-range blob or a Node file blob: only `size` and `slice().arrayBuffer()` are used. */
export interface NamedBlob {
  /** Path relative to the transformer folder, with forward slashes. */
  readonly path: string;
  readonly blob: BlobLike;
}
export interface BlobLike {
  readonly size: number;
  slice(start?: number, end?: number): BlobLike;
  arrayBuffer(): Promise<ArrayBuffer>;
}

export interface TensorInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly file: string;
  /** Absolute byte range in the file, end exclusive. */
  readonly start: number;
  readonly end: number;
}

export interface Checkpoint {
  readonly files: readonly { readonly path: string; readonly sizeBytes: number }[];
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** `__metadata__` of the (first) file. */
  readonly metadata: ReadonlyMap<string, string>;
  /**
   * Values as float32, C order; elements `from` to `to`, exclusive, where they are given. Throws `weight-missing`; dtypes
   * without a float meaning throw `checkpoint-unsupported`.
   */
  readFloat32(name: string, from?: number, to?: number): Promise<Float32Array>;
  /** Bytes as stored. */
  readBytes(name: string): Promise<Uint8Array>;
  /** Several tensors in the order in which they are stored, neighbours in one read (a block is one or a few reads). */
  readEach(names: readonly string[]): AsyncGenerator<{ readonly info: TensorInfo; readonly values: Float32Array }>;
}
