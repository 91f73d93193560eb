/** What a checkpoint is to the rest of the product: an inventory of tensors that are read one at a time from Blobs. */
import type { StoredFloats } from '../tensor/float.ts';
import type { StoredDType } from './stored-dtype.ts';

/** A browser File, an HTTP-range blob or a Node file blob: only `size` and `slice().arrayBuffer()` are used. */
export interface NamedBlob {
  /** Path relative to the transformer folder, with forward slashes. */
  readonly path: string;
  readonly blob: BlobLike;
}
export interface BlobLike {
  readonly size: number;
  /** Of local and picked files: when they were changed last. Of files on a server: ETag, or when they were changed last. */
  readonly version?: string | undefined;
  slice(start?: number, end?: number): BlobLike;
  arrayBuffer(): Promise<ArrayBuffer>;
}

export interface ByteRange {
  /** In the file. */
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/** `D` is what its elements may be stored as: a file of data has the plain types alone. */
export interface TensorInfo<D extends StoredDType = StoredDType> extends ByteRange {
  readonly name: string;
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly file: string;
  /** Its name in the file, where the file has another layout. */
  readonly storedAs?: string;
  /** Ranges that follow the first, of a tensor whose rows are stored in another order. */
  readonly then?: readonly ByteRange[];
  /** Of the scaled types. */
  readonly scale?: TensorScale;
}

/** What stored values are multiplied by: one number, or one for each row of the tensor. */
export interface TensorScale extends ByteRange {
  readonly dtype: StoredDType;
  readonly file: string;
  /** As `then` of the tensor. */
  readonly then?: readonly ByteRange[];
  readonly perRow: boolean;
}

export interface ReadTensor<D extends StoredDType = StoredDType> {
  readonly info: TensorInfo<D>;
  /** As float32, C order. Where the tensor is also there as stored, they are decoded when they are asked for. */
  readonly values: Float32Array;
  /** Of plain binary floats; engines decode them faster. Others may hold views of the same buffer: it is not written to. */
  readonly stored?: StoredFloats;
}

export interface CheckpointFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** As of its blob; absent where its place does not tell. */
  readonly version?: string;
}

export interface Checkpoint<D extends StoredDType = StoredDType> {
  readonly files: readonly CheckpointFile[];
  readonly tensors: ReadonlyMap<string, TensorInfo<D>>;
  /** `__metadata__` of the (first) file. */
  readonly metadata: ReadonlyMap<string, string>;
  /**
   * Values as float32, C order; elements `from` to `to`, exclusive, where they are given, from the blocks that they lie in and
   * no more. Throws `weight-missing`; dtypes without a float meaning throw `checkpoint-unsupported`.
   */
  readFloat32(name: string, from?: number, to?: number): Promise<Float32Array>;
  /** Bytes as stored; of a scaled type without the scale. */
  readBytes(name: string): Promise<Uint8Array>;
  /** The bytes `from` to `to` (exclusive) of what `readBytes` gives. */
  readByteRange(name: string, from: number, to: number): Promise<Uint8Array<ArrayBuffer>>;
  /** The same files with other tensors: names of one's own for ranges of them. */
  withTensors(tensors: ReadonlyMap<string, TensorInfo<D>>): Checkpoint<D>;
  /**
   * Several tensors in the order in which they are stored, neighbours in one read (a block is one or a few reads). Up to
   * `aheadBytes` of the reads that follow are under way or done while a tensor is used; one read by default.
   */
  readEach(names: readonly string[], aheadBytes?: number): AsyncGenerator<ReadTensor<D>>;
}
