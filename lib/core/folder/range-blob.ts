/** A file, or part of one, whose bytes are read when somebody asks for them; slices count as those of a Blob do. */
import type { BlobLike } from '../checkpoint/index.ts';

/** Bytes from `start` to `end`, exclusive. */
export type ReadRange = (start: number, end: number) => Promise<ArrayBuffer>;

export class RangeBlob implements BlobLike {
  constructor(
    private readonly read: ReadRange,
    private readonly start: number,
    private readonly end: number,
    readonly version?: string,
  ) {}

  get size(): number {
    return this.end - this.start;
  }

  slice(start = 0, end = this.size): BlobLike {
    const at = (position: number) => {
      const fromStart = position < 0 ? this.size + position : position;
      return this.start + Math.min(Math.max(fromStart, 0), this.size);
    };
    return new RangeBlob(this.read, at(start), Math.max(at(start), at(end)), this.version);
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.read(this.start, this.end);
  }
}
