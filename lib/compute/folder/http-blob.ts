/**
 * A file on a server as a Blob: its bytes are fetched by range when somebody slices them. A checkpoint is read in many
 * small pieces, so reads are rounded to pages that are kept, and neighbouring missing pages come in one request. A
 * server that ignores ranges sends the whole file once, which is then kept.
 */
import type { BlobLike } from '../../core/checkpoint/index.ts';
import { ContiguaError } from '../../core/errors.ts';
import { RangeBlob } from '../../core/folder/range-blob.ts';

const PAGE_BYTES = 2 ** 20;
/** Reads above this are whole weights of a large model: fetched exactly, not kept. */
const LARGE_READ_BYTES = 4 * PAGE_BYTES;
const KEPT_PAGES = 32;
/** A file that comes whole is kept in memory. */
const MAX_WHOLE_BYTES = 2 ** 30;

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;
/** Browsers refuse `fetch` as a method of anything but their global. */
export const hostFetch: Fetch = (url, init) => fetch(url, init);

/** Null when the server has no such file. */
export async function openHttpBlob(url: string, path: string, fetcher: Fetch = hostFetch): Promise<BlobLike | null> {
  const file = new RemoteFile(url, path, fetcher);
  return (await file.open()) ? new RangeBlob((start, end) => file.read(start, end), 0, file.sizeBytes) : null;
}

class RemoteFile {
  sizeBytes = 0;
  private etag: string | null = null;
  /** The file when the server ignored the range. */
  private whole: Uint8Array | null = null;
  /** In order of last use. */
  private readonly pages = new Map<number, Promise<Uint8Array>>();

  constructor(
    private readonly url: string,
    private readonly path: string,
    private readonly fetcher: Fetch,
  ) {}

  /** One request tells the size and brings the first page, where the header of a checkpoint lies. */
  async open(): Promise<boolean> {
    const response = await this.request(0, PAGE_BYTES);
    if (response.status === 404 || response.status === 410) return false;
    if (response.status === 416) return true; // no first byte: an empty file
    this.etag = response.headers.get('ETag');
    const bytes = await this.bytesOf(response, PAGE_BYTES);
    if (response.status === 206) {
      this.sizeBytes = this.rangeOf(response, 0, bytes.length).total;
      this.pages.set(0, Promise.resolve(bytes));
    } else {
      this.keepWhole(response, bytes);
      this.sizeBytes = bytes.length;
    }
    return true;
  }

  async read(start: number, end: number): Promise<ArrayBuffer> {
    if (end <= start) return new ArrayBuffer(0);
    if (!this.whole && end - start > LARGE_READ_BYTES) return exactBuffer(await this.fetchRange(start, end));
    const first = Math.floor(start / PAGE_BYTES);
    const last = Math.floor((end - 1) / PAGE_BYTES);
    if (!this.whole) this.fetchMissing(first, last);
    const pages = [];
    for (let page = first; page <= last; page++) pages.push(this.pages.get(page));
    const loaded = this.whole ? [] : await Promise.all(pages);
    // The server may have sent the whole file instead of the range asked for.
    if (this.whole) return exactBuffer(this.whole.subarray(start, end));
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
    for (let page = first; page <= last; page++) {
      const kept = this.pages.get(page);
      if (kept) {
        this.pages.delete(page);
        this.pages.set(page, kept);
        continue;
      }
      let runEnd = page + 1;
      while (runEnd <= last && !this.pages.has(runEnd)) runEnd++;
      const runStart = page;
      const run = this.fetchRange(runStart * PAGE_BYTES, Math.min(runEnd * PAGE_BYTES, this.sizeBytes));
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

  private async fetchRange(start: number, end: number): Promise<Uint8Array> {
    const response = await this.request(start, end);
    if (response.status !== 206 && response.status !== 200)
      throw this.failure(`the server answered ${response.status}`);
    const etag = response.headers.get('ETag');
    if (etag !== this.etag) throw this.failure('the file changed on the server while it was read');
    const bytes = await this.bytesOf(response, end - start);
    if (response.status === 200) {
      this.keepWhole(response, bytes);
      return bytes.subarray(start, end);
    }
    const { total } = this.rangeOf(response, start, bytes.length);
    if (total !== this.sizeBytes) throw this.failure('the file changed on the server while it was read');
    if (bytes.length !== end - start) {
      throw this.failure('the server sent too little', `${bytes.length} bytes`, `${end - start} bytes`);
    }
    return bytes;
  }

  private async request(start: number, end: number): Promise<Response> {
    let response: Response;
    try {
      response = await this.fetcher(this.url, { headers: { Range: `bytes=${start}-${end - 1}` } });
    } catch (cause) {
      throw this.failure('the server cannot be reached', cause instanceof Error ? cause.message : String(cause));
    }
    if (response.status >= 400 && ![404, 410, 416].includes(response.status)) {
      throw this.failure(`the server answered ${response.status} ${response.statusText}`.trim());
    }
    return response;
  }

  /** A server that sends more than was asked for is stopped. */
  private async bytesOf(response: Response, askedBytes: number): Promise<Uint8Array> {
    const isWhole = response.status === 200;
    const limit = isWhole ? MAX_WHOLE_BYTES : askedBytes;
    const tooMuch = () =>
      this.failure(
        isWhole ? 'the server sends the whole file instead of parts, and it is too large' : 'the server sent too much',
        'more',
        `at most ${limit.toLocaleString('en-US')} bytes`,
      );
    if (Number(response.headers.get('Content-Length')) > limit) {
      await response.body?.cancel();
      throw tooMuch();
    }
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    let size = 0;
    try {
      const reader = response.body?.getReader();
      for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
        size += part.value.length;
        if (size > limit) {
          await reader?.cancel();
          throw tooMuch();
        }
        chunks.push(part.value);
      }
    } catch (cause) {
      if (cause instanceof ContiguaError) throw cause;
      throw this.failure('the connection broke', cause instanceof Error ? cause.message : String(cause));
    }
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }

  /** `Content-Range: bytes 0-99/1234`, held against what was asked and what came. */
  private rangeOf(response: Response, start: number, length: number): { total: number } {
    const header = response.headers.get('Content-Range');
    const [, from, to, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(header ?? '') ?? [];
    const fits = Number(from) === start && Number(to) - start + 1 === length && Number(total) > Number(to);
    if (!fits) {
      throw this.failure('the server sent another range', header ?? 'no Content-Range', `bytes ${start}-…/size`);
    }
    return { total: Number(total) };
  }

  private keepWhole(response: Response, bytes: Uint8Array): void {
    const declared = response.headers.get('Content-Length');
    const encoded = response.headers.has('Content-Encoding'); // then the length is that of the encoded bytes
    if (declared !== null && !encoded && Number(declared) !== bytes.length) {
      throw this.failure('the server sent too little', `${bytes.length} bytes`, `${declared} bytes`);
    }
    this.whole = bytes;
    this.pages.clear();
  }

  private failure(summary: string, found?: string, expected?: string): ContiguaError {
    return new ContiguaError('checkpoint-incomplete', `Could not read the file: ${summary}`, {
      file: this.path,
      found,
      expected,
      hint: 'Check the connection to the server and try again.',
    });
  }
}

function exactBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
