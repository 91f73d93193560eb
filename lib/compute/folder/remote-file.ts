/**
 * One file on a server, read by range. It holds every answer against what was asked and against what earlier answers said of
 * the file (length, ETag), goes on from the byte reached where a connection drops, and keeps to the address that a redirect
 * led to until that expires. A server that ignores ranges sends the whole file once, which is then kept.
 */
import { allocated } from '../../core/checkpoint/index.ts';
import { ContiguaError } from '../../core/errors.ts';
import { type Exchange, exchange, type HttpHost, unreachable } from './http-exchange.ts';
import { isForLater, retryAfterOf, Transient, withRetries } from './retry.ts';

/** A file that comes whole is kept in memory. */
const MAX_WHOLE_BYTES = 2 ** 30;
const isGone = (status: number) => status === 404 || status === 410;
/** What an expired signature is answered with, by the stores that sign addresses. */
const isExpired = (status: number) => [400, 401, 403, 404, 410].includes(status);

export interface RemoteFileOptions {
  readonly url: string;
  /** How errors name it. */
  readonly path: string;
  readonly host: HttpHost;
  /** Sent to the server of `url`, and not to where it redirects. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Known beforehand, of a file whose content cannot change (a commit's). Its ETag may then differ between stores. */
  readonly sizeBytes?: number;
  /** What to do where the server refuses the file. */
  readonly refusedHint?: string;
}

export class RemoteFile {
  /** 0 until it is known. */
  sizeBytes: number;
  /** The file when the server ignored the range. */
  whole: Uint8Array<ArrayBuffer> | null = null;
  private isKnown: boolean;
  private readonly isPinned: boolean;
  /** `ETag` or, without one, `Last-Modified`; of a pinned file by the server that sent it. */
  private readonly versions = new Map<string, string | null>();
  /** Where the last redirect led. */
  private resolved: string | null = null;

  constructor(private readonly options: RemoteFileOptions) {
    this.isPinned = options.sizeBytes !== undefined;
    this.isKnown = this.isPinned;
    this.sizeBytes = options.sizeBytes ?? 0;
  }

  /** Learns the length with the first bytes, at most `headBytes`. Null where the server has no such file. */
  async open(headBytes: number): Promise<Uint8Array<ArrayBuffer> | null> {
    return await this.fetch(0, headBytes);
  }

  /** Bytes from `start` to `end`, exclusive, within the file. */
  async read(start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    if (this.whole) return this.whole.slice(start, end);
    const bytes = await this.fetch(start, end);
    if (bytes) return bytes;
    throw this.changed('no such file any more');
  }

  /** Names what the file holds, for a cache. Null where the server does not say so reliably. */
  get contentKey(): string | null {
    const { url } = this.options;
    if (this.isPinned) return `${url} ${this.sizeBytes}`;
    const version = this.versions.get('') ?? '';
    return version.startsWith('"') ? `${url} ${this.sizeBytes} ${version}` : null;
  }

  /** `ETag` or, without one, `Last-Modified`. Undefined where the server sends neither, and of a pinned file, which cannot change. */
  get version(): string | undefined {
    return (this.isPinned ? null : strong(this.versions.get('') ?? null)) ?? undefined;
  }

  /** Null for a file that was never there. */
  private async fetch(start: number, end: number): Promise<Uint8Array<ArrayBuffer> | null> {
    const { host, path } = this.options;
    let bytes: Uint8Array<ArrayBuffer> | null = null;
    let done = 0;
    return await withRetries(host.retry, host.signal(), async (moved) => {
      while (bytes === null || done < bytes.length) {
        const answer = await this.ask(start + done, end);
        const { response } = answer;
        if (response.status === 200) return (await this.takeWhole(answer)).slice(start, end);
        if (response.status !== 206) {
          answer.giveUp();
          return this.nothing(response);
        }
        const range = this.rangeOf(answer, start + done, end);
        this.check(answer, range.total);
        bytes ??= allocated(Math.min(end, range.total) - start, path);
        const [target, from, to] = [bytes, done, range.end - start];
        for await (const chunk of answer.chunks()) {
          if (done + chunk.length > to) {
            throw this.failure('the server sent too much', 'more', `at most ${grouped(to - from)} bytes`);
          }
          target.set(chunk, done);
          done += chunk.length;
          moved(chunk.length);
        }
        // Less of a range than was asked for is allowed, less than the answer announced is not.
        if (done >= to) continue;
        throw new Transient(
          this.failure('the server sent too little', `${grouped(done - from)} bytes`, `${grouped(to - from)} bytes`),
        );
      }
      return bytes;
    });
  }

  /** An answer that passes to the reader has status 200, 206, 404, 410 or 416. */
  private async ask(start: number, end: number): Promise<Exchange> {
    const { url, path, host } = this.options;
    const address = this.resolved ?? url;
    const isDirect = this.resolved === null;
    const headers = originOf(address) === originOf(url) ? this.options.headers : {};
    this.resolved = null; // whatever fails now is asked for at the file's own address next time
    const range = { ...headers, Range: `bytes=${start}-${end - 1}` };
    const answer = await exchange(host, path, address, { headers: range }, host.signal());
    const { response } = answer;
    const { status } = response;
    if (status === 200 || status === 206) {
      this.resolved = response.redirected && response.url ? response.url : isDirect ? null : address;
      return answer;
    }
    const words = `${status} ${response.statusText}`.trim();
    // A fresh signature that is refused may be one of a clock or a cache. Anything else is said of the file itself.
    const isExpiredNow = isDirect ? response.redirected && status === 403 : isExpired(status);
    if (isForLater(status) || isExpiredNow) {
      answer.giveUp();
      // An expired address is resolved again at once; one that was refused when it was fresh, after a pause.
      const afterMs = isForLater(status) ? retryAfterOf(response.headers) : isDirect ? undefined : 0;
      throw new Transient(this.failure(`the server answered ${words}`, words), afterMs);
    }
    if (isGone(status) || status === 416) return answer;
    answer.giveUp();
    if (status === 401 || status === 403) throw this.refused(words);
    throw this.failure(`the server answered ${words}`);
  }

  /** After 404, 410 and 416. */
  private nothing({ status, headers }: Response): Uint8Array<ArrayBuffer> | null {
    if (this.isKnown) {
      const length = /^bytes \*\/(\d+)$/.exec(headers.get('Content-Range') ?? '')?.[1];
      throw this.changed(status === 416 ? `a file of ${length ?? 'fewer'} bytes` : 'no such file any more');
    }
    if (status !== 416) return null;
    this.isKnown = true;
    return new Uint8Array(0); // no first byte: an empty file
  }

  /** `Content-Range: bytes 0-99/1234`, held against what was asked. A server that is wrong here is wrong again. */
  private rangeOf(answer: Exchange, start: number, askedEnd: number): { end: number; total: number } {
    const { headers } = answer.response;
    const header = headers.get('Content-Range');
    const [from, to, total] = (/^bytes (\d+)-(\d+)\/(\d+)$/.exec(header ?? '') ?? []).slice(1).map(Number);
    if (from === start && to !== undefined && total !== undefined && to >= from && to < Math.min(total, askedEnd)) {
      const encoding = headers.get('Content-Encoding') ?? 'identity';
      if (encoding === 'identity') return { end: to + 1, total };
    }
    answer.giveUp();
    const encoded = headers.has('Content-Encoding') ? `, encoded as ${headers.get('Content-Encoding')}` : '';
    throw this.failure(
      'the server sent another range',
      `${header ?? 'no Content-Range'}${encoded}`,
      `bytes ${start}-${askedEnd - 1} of the file as it is`,
    );
  }

  /** Learns length and version from the first answer, and holds every other against it. */
  private check(answer: Exchange, total: number): void {
    const { response } = answer;
    if (!this.isKnown) this.sizeBytes = total;
    this.isKnown = true;
    const version = response.headers.get('ETag') ?? response.headers.get('Last-Modified');
    // Stores of one commit's file may each have an ETag of their own.
    const source = this.isPinned ? originOf(response.url || this.options.url) : '';
    const known = this.versions.get(source);
    if (known === undefined) this.versions.set(source, version);
    else if (strong(known) !== strong(version)) {
      answer.giveUp();
      throw this.changed(`version ${version ?? 'unknown'}`, `version ${known ?? 'unknown'}`);
    }
    if (total !== this.sizeBytes) {
      answer.giveUp();
      throw this.changed(`${grouped(total)} bytes`);
    }
  }

  /** Nothing of it can be kept when the connection drops: the server starts at the first byte each time. */
  private async takeWhole(answer: Exchange): Promise<Uint8Array<ArrayBuffer>> {
    const { headers } = answer.response;
    const declared = headers.has('Content-Encoding') ? null : headers.get('Content-Length');
    const tooMuch = () =>
      this.failure(
        'the server sends the whole file instead of parts, and it is too large',
        'more',
        `at most ${grouped(MAX_WHOLE_BYTES)} bytes`,
      );
    if (Math.max(Number(declared), this.sizeBytes) > MAX_WHOLE_BYTES) {
      answer.giveUp();
      throw tooMuch();
    }
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of answer.chunks()) {
      size += chunk.length;
      if (size > MAX_WHOLE_BYTES) throw tooMuch();
      chunks.push(chunk);
    }
    if (declared !== null && Number(declared) !== size) {
      throw new Transient(this.failure('the server sent too little', `${grouped(size)} bytes`, `${declared} bytes`));
    }
    this.check(answer, size);
    const bytes = allocated(size, this.options.path);
    let at = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    this.whole = bytes;
    return bytes;
  }

  private failure(summary: string, found?: string, expected?: string): ContiguaError {
    return unreachable(this.options.path, summary, found, expected);
  }

  private refused(found: string): ContiguaError {
    return new ContiguaError('source-refused', 'The server does not give this file', {
      file: this.options.path,
      found,
      hint:
        this.options.refusedHint ?? 'It may be private. Download it with your own access, and open it from the disk.',
    });
  }

  private changed(found: string, expected = `${grouped(this.sizeBytes)} bytes`): ContiguaError {
    const summary = this.isPinned
      ? 'The server sends another file than the one that it listed'
      : 'The file changed on the server while it was read';
    return new ContiguaError('source-changed', summary, {
      file: this.options.path,
      found,
      expected,
      hint: 'Open the model again. If somebody is uploading it, wait until that is done.',
    });
  }
}

/** A weak ETag names the same content; compression in a proxy is what weakens it. */
function strong(version: string | null): string | null {
  return version?.replace(/^W\//, '') ?? null;
}

function originOf(url: string): string {
  return /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i.exec(url)?.[0] ?? '';
}

function grouped(value: number): string {
  return value.toLocaleString('en-US');
}
