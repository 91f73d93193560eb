/** What a file store needs of whatever holds its files: a folder of files that can be read and written by slices. */

/** An open file. Reads and writes are whole, or they reject. */
export interface StateFile {
  readonly sizeBytes: number;
  read(at: number, into: Uint8Array): Promise<void>;
  write(at: number, bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Names are those of keys, with `.` for `/`. */
export interface StateFolder {
  /** Sealed files, and their sizes. Half-written ones of earlier processes are removed. */
  list(): Promise<ReadonlyMap<string, number>>;
  /** A new, empty file, which replaces a half-written one. */
  create(name: string): Promise<StateFile>;
  /** A closed file of `create` under its lasting name. */
  publish(name: string): Promise<void>;
  /** Null where there is no such published file. */
  open(name: string): Promise<StateFile | null>;
  /** The published file and the half-written one; does nothing where there are none. */
  remove(name: string): Promise<void>;
  /** Removes the folder where it is empty. Not there where folders are not ours to remove. */
  removeIfEmpty?(): Promise<void>;
}
