/**
 * Numbers and strings of a GGUF header one after the other. A header's length is nowhere said: it is parsed from the first
 * bytes of the file, and from twice as many when those do not suffice, up to what a header may have.
 */
import { ContiguaError } from '../../errors.ts';
import { FIRST_READ_BYTES, readRange } from '../read-range.ts';
import type { BlobLike } from '../types.ts';
import type { Invalid } from './invalid.ts';

/** As for safetensors. */
const MAX_HEADER_BYTES = 100_000_000;

/** Thrown and caught here alone: more of the file is needed. */
class MoreNeeded {
  constructor(readonly bytes: number) {}
}

/** What `parse` makes of the file's beginning, of which as little is read as it takes. */
export async function readingWindows<T>(blob: BlobLike, file: string, parse: (reader: GgufReader) => T): Promise<T> {
  for (let windowBytes = FIRST_READ_BYTES; ; ) {
    const bytes = await readRange(blob, file, 0, Math.min(windowBytes, blob.size));
    try {
      return parse(new GgufReader(bytes, blob.size, file));
    } catch (thrown) {
      if (!(thrown instanceof MoreNeeded)) throw thrown;
      windowBytes = Math.min(Math.max(2 * windowBytes, thrown.bytes), MAX_HEADER_BYTES);
    }
  }
}

export class GgufReader {
  readonly #view: DataView;
  #at = 0;

  /** `bytes` are the first of a file of `fileBytes`. */
  constructor(
    bytes: Uint8Array,
    readonly fileBytes: number,
    readonly file: string,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get position(): number {
    return this.#at;
  }

  /** Bytes of the file from here on, read or not. */
  get remaining(): number {
    return this.fileBytes - this.#at;
  }

  u8(what: string): number {
    return this.#view.getUint8(this.skip(1, what));
  }
  u16(what: string): number {
    return this.#view.getUint16(this.skip(2, what), true);
  }
  u32(what: string): number {
    return this.#view.getUint32(this.skip(4, what), true);
  }
  u64(what: string): bigint {
    return this.#view.getBigUint64(this.skip(8, what), true);
  }
  /** A count or length. Not exact from 2⁵³ on, where no file is as large. */
  count(what: string): number {
    const at = this.skip(8, what);
    return this.#view.getUint32(at, true) + this.#view.getUint32(at + 4, true) * 2 ** 32;
  }
  i8(what: string): number {
    return this.#view.getInt8(this.skip(1, what));
  }
  i16(what: string): number {
    return this.#view.getInt16(this.skip(2, what), true);
  }
  i32(what: string): number {
    return this.#view.getInt32(this.skip(4, what), true);
  }
  i64(what: string): bigint {
    return this.#view.getBigInt64(this.skip(8, what), true);
  }
  f32(what: string): number {
    return this.#view.getFloat32(this.skip(4, what), true);
  }
  f64(what: string): number {
    return this.#view.getFloat64(this.skip(8, what), true);
  }

  text(what: string, maxBytes: number, invalid: Invalid): string {
    const length = this.count(`the length of ${what}`);
    if (length > maxBytes) throw invalid(`Too long: ${what}`, `${length} bytes`, `at most ${maxBytes}`);
    const at = this.skip(length, what);
    const bytes = new Uint8Array(this.#view.buffer, this.#view.byteOffset + at, length);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw invalid(`Not UTF-8: ${what}`, 'invalid bytes', 'UTF-8 text');
    }
  }

  /** Past `length` bytes; gives where they begin. */
  skip(length: number, what: string): number {
    const start = this.#at;
    const end = start + length;
    if (end > this.fileBytes) {
      throw new ContiguaError('gguf-invalid', 'The file is cut short inside its header', {
        file: this.file,
        found: `${this.fileBytes} bytes`,
        expected: `at least ${end} bytes, for ${what}`,
        hint: 'Download the file again.',
      });
    }
    if (end > MAX_HEADER_BYTES) {
      throw new ContiguaError('gguf-invalid', 'Header too large', {
        file: this.file,
        found: `at least ${end} bytes`,
        expected: `at most ${MAX_HEADER_BYTES} bytes`,
      });
    }
    if (end > this.#view.byteLength) throw new MoreNeeded(end);
    this.#at = end;
    return start;
  }
}
