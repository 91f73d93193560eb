/**
 * A file on a server as a Blob. A checkpoint is read in many small pieces, so small reads are rounded to pages that are
 * kept; missing neighbours come in one request, and reading on from the last page asks for ever more at a time. Pages are
 * small, since a large model is recognised by a few vectors that lie far apart; of small files, many come at once. Whole weights are fetched as they are. With a page
 * store, both are looked for there first.
 */
import type { BlobLike } from '../../core/checkpoint/index.ts';
import { RangeBlob } from '../../core/folder/range-blob.ts';
import type { HttpHost } from './http-exchange.ts';
import { type FilePages, type PageStore, readPages, writePages } from './page-store.ts';
import { RemoteFile, type RemoteFileOptions } from './remote-file.ts';

const PAGE_BYTES = 2 ** 16;
/** As much as is read of a file of weights to describe it (`FIRST_READ_BYTES` of lib/core/checkpoint). */
const HEAD_BYTES = 2 * PAGE_BYTES;
/** A large page, of a store. */
const LARGE_PAGE_BYTES = 2 ** 20;
const MAX_AHEAD_PAGES = LARGE_PAGE_BYTES / PAGE_BYTES;
/** Reads above this are whole weights of a large model: not kept in memory. */
const LARGE_READ_BYTES = 2 ** 22;
/** Models up to this size are read whole when they are opened (lib/compute/session.ts): not worth many requests. */
const SMALL_FILE_BYTES = 2 ** 27;
const KEPT_PAGES = 512;

export interface HttpBlobOptions extends RemoteFileOptions {
  readonly host: HttpHost & { readonly pages?: PageStore };
}

/** Null when the server has no such file. A file whose size is known is not asked for before it is read. */
export async function openHttpBlob(options: HttpBlobOptions): Promise<BlobLike | null> {
  const remote = new RemoteFile(options);
  const file = new PagedFile(remote, options.host.pages);
  return (await file.open(options.sizeBytes !== undefined))
    ? new RangeBlob((start, end) => file.read(start, end), 0, file.sizeBytes, remote.version)
    : null;
}

type Bytes = Uint8Array<ArrayBuffer>;

class PagedFile {
  /** In order of last use. */
  private readonly pages = new Map<number, Promise<Bytes>>();
  private stored: FilePages | null = null;
  /** The page after the last that was fetched, and how many were fetched at once. */
  private ahead = { page: -1, count: 1 };

  constructor(
    private readonly file: RemoteFile,
    private readonly store: PageStore | undefined,
  ) {}

  get sizeBytes(): number {
    return this.file.sizeBytes;
  }

  async open(isKnown: boolean): Promise<boolean> {
    const head = isKnown ? new Uint8Array(0) : await this.file.open(HEAD_BYTES);
    if (!head) return false;
    for (let page = 0; page * PAGE_BYTES < head.length && !this.file.whole; page++) {
      this.pages.set(page, Promise.resolve(head.slice(page * PAGE_BYTES, (page + 1) * PAGE_BYTES)));
    }
    const { contentKey } = this.file;
    this.stored = (contentKey !== null && this.store?.of(contentKey)) || null;
    return true;
  }

  async read(start: number, end: number): Promise<ArrayBuffer> {
    if (end <= start) return new ArrayBuffer(0);
    if (!this.file.whole && end - start > LARGE_READ_BYTES) return (await this.readLarge(start, end)).buffer;
    const first = Math.floor(start / PAGE_BYTES);
    const last = Math.floor((end - 1) / PAGE_BYTES);
    if (!this.file.whole) this.fetchMissing(first, last);
    const pages = [];
    for (let page = first; page <= last; page++) pages.push(this.pages.get(page));
    const loaded = this.file.whole ? [] : await Promise.all(pages);
    // The server may have sent the whole file instead of the range asked for.
    if (this.file.whole) {
      this.pages.clear();
      return this.file.whole.slice(start, end).buffer;
    }
    const target = new Uint8Array(end - start);
    loaded.forEach((page, index) => {
      const pageStart = (first + index) * PAGE_BYTES;
      const piece = page?.subarray(Math.max(start - pageStart, 0), end - pageStart);
      if (piece) target.set(piece, Math.max(pageStart - start, 0));
    });
    return target.buffer;
  }

  /** Makes sure that every page has a promise, with one request per run of missing pages. */
  private fetchMissing(first: number, last: number): void {
    const pageCount = Math.ceil(this.sizeBytes / PAGE_BYTES);
    for (let page = first; page <= last; page++) {
      const kept = this.pages.get(page);
      if (kept) {
        this.pages.delete(page);
        this.pages.set(page, kept);
        continue;
      }
      const isSmall = this.sizeBytes <= SMALL_FILE_BYTES;
      const more = page === this.ahead.page ? Math.min(this.ahead.count * 2, MAX_AHEAD_PAGES) : 1;
      const count = isSmall ? MAX_AHEAD_PAGES : more;
      const wanted = Math.min(Math.max(last + 1, page + count), pageCount);
      let runEnd = page + 1;
      while (runEnd < wanted && !this.pages.has(runEnd)) runEnd++;
      this.ahead = { page: runEnd, count };
      const runStart = page;
      const run = this.fetchRun(runStart * PAGE_BYTES, Math.min(runEnd * PAGE_BYTES, this.sizeBytes));
      for (; page < runEnd; page++) {
        const offset = (page - runStart) * PAGE_BYTES;
        const bytes = run.then((all) => all.slice(offset, offset + PAGE_BYTES));
        this.pages.set(page, bytes);
        const key = page;
        // A failed page is asked for again next time. Its reader hears of the failure through the same promise.
        bytes.catch(() => this.pages.delete(key));
      }
      page = runEnd - 1;
    }
    for (const page of this.pages.keys()) {
      if (this.pages.size <= Math.max(KEPT_PAGES, last - first + 1)) break;
      if (page < first || page > last) this.pages.delete(page);
    }
  }

  /** Of the store where all of it is there, in small pages or as part of a large one. */
  private async fetchRun(start: number, end: number): Promise<Bytes> {
    const { stored, sizeBytes } = this;
    if (!stored) return await this.file.read(start, end);
    const small = await readPages(stored, start, end, PAGE_BYTES);
    if (small) return small;
    const at = Math.floor(start / LARGE_PAGE_BYTES) * LARGE_PAGE_BYTES;
    const large = await stored.read(at, Math.min(LARGE_PAGE_BYTES, sizeBytes - at));
    if (large && end <= at + large.length) return large.slice(start - at, end - at);
    const bytes = await this.file.read(start, end);
    if (!this.file.whole) await writePages(stored, start, bytes, PAGE_BYTES);
    return bytes;
  }

  /** With a store, in large pages: of those that are missing, neighbours come in one request. */
  private async readLarge(start: number, end: number): Promise<Bytes> {
    const { stored, sizeBytes } = this;
    if (!stored) return await this.file.read(start, end);
    const target = new Uint8Array(end - start);
    const put = (bytes: Bytes, at: number) => {
      const piece = bytes.subarray(Math.max(start - at, 0), Math.max(end - at, 0));
      target.set(piece, Math.max(at - start, 0));
    };
    let missingFrom: number | null = null;
    const fetchUpTo = async (to: number) => {
      if (missingFrom === null) return;
      const bytes = await this.file.read(missingFrom, to);
      put(bytes, missingFrom);
      if (!this.file.whole) await writePages(stored, missingFrom, bytes, LARGE_PAGE_BYTES);
      missingFrom = null;
    };
    const first = Math.floor(start / LARGE_PAGE_BYTES) * LARGE_PAGE_BYTES;
    for (let at = first; at < end; at += LARGE_PAGE_BYTES) {
      const found = await stored.read(at, Math.min(LARGE_PAGE_BYTES, sizeBytes - at));
      if (found) {
        await fetchUpTo(at);
        put(found, at);
      } else missingFrom ??= at;
    }
    await fetchUpTo(Math.min(Math.ceil(end / LARGE_PAGE_BYTES) * LARGE_PAGE_BYTES, sizeBytes));
    return target;
  }
}
