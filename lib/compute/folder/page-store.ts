/**
 * Where pages of remote files are kept between runs of the program, for whoever asks for it: a disk in Node, nothing in the
 * browser. A store holds what it was given or less, and never fails a reading.
 */
type Bytes = Uint8Array<ArrayBuffer>;

export interface PageStore {
  /** `key` names content: two files of one key are the same bytes. */
  of(key: string): FilePages;
}

/** Pages of one file, each by its first byte and its length. */
export interface FilePages {
  read(start: number, length: number): Promise<Bytes | null>;
  write(start: number, bytes: Bytes): Promise<void>;
}

/** Bytes `start` to `end`, of pages of `pageBytes` that `start` is a multiple of. Null unless all of them are there. */
export async function readPages(
  pages: FilePages,
  start: number,
  end: number,
  pageBytes: number,
): Promise<Bytes | null> {
  const target = new Uint8Array(end - start);
  for (let at = start; at < end; at += pageBytes) {
    const page = await pages.read(at, Math.min(pageBytes, end - at));
    if (!page) return null;
    target.set(page, at - start);
  }
  return target;
}

export async function writePages(pages: FilePages, start: number, bytes: Bytes, pageBytes: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += pageBytes) {
    await pages.write(start + at, bytes.slice(at, at + pageBytes));
  }
}
