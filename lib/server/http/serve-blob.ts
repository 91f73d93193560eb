/**
 * Sends a Blob, or the range of it that was asked for (RFC 9110, sections 13 and 14), reading no further ahead than the
 * receiver takes. One range per request: whoever asks for several gets the whole, as the standard allows. The first bytes
 * are read before the status is sent, so a file that cannot be read is answered with an error; one that fails later breaks
 * the connection off before Content-Length is reached, which no client takes for the end of the file.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { BlobLike } from '../../core/checkpoint/index.ts';

export interface Download {
  readonly blob: BlobLike;
  /** The whole from its first byte on, where that is cheaper than ranges of the blob. */
  readonly parts?: () => AsyncIterable<Uint8Array>;
  /** Changes whenever the bytes do. */
  readonly etag: string;
  readonly type: string;
  /** As the receiver saves it. */
  readonly name: string;
}

const PIECE_BYTES = 2 ** 20;

export async function serveBlob(request: IncomingMessage, response: ServerResponse, download: Download): Promise<void> {
  const { blob, type, name } = download;
  const etag = `"${download.etag}"`;
  const common = { ETag: etag, 'Accept-Ranges': 'bytes' };
  if (matches(request.headers['if-none-match'], etag)) {
    response.writeHead(304, common).end();
    return;
  }
  const condition = request.headers['if-range'];
  const range =
    condition === undefined || condition === etag ? rangeOf(request.headers.range, blob.size) : ('whole' as const);
  if (range === 'unsatisfiable') {
    response.writeHead(416, { ...common, 'Content-Range': `bytes */${blob.size}` }).end();
    return;
  }
  const { start, end } = range === 'whole' ? { start: 0, end: blob.size } : range;
  const writeHead = () =>
    response.writeHead(range === 'whole' ? 200 : 206, {
      ...common,
      ...(range === 'whole' ? {} : { 'Content-Range': `bytes ${start}-${end - 1}/${blob.size}` }),
      'Content-Type': type,
      'Content-Length': end - start,
      'Content-Disposition': `attachment; filename="${asciiName(name)}"; filename*=UTF-8''${encodeURIComponent(name)}`,
    });
  if (request.method === 'HEAD') {
    writeHead().end();
    return;
  }
  const isWhole = start === 0 && end === blob.size;
  const parts = (isWhole && download.parts?.()) || pieces(blob, start, end);
  const iterator = parts[Symbol.asyncIterator]();
  const first = await iterator.next();
  writeHead();
  try {
    await pipeline(Readable.from(rest(first, iterator), { objectMode: false }), response);
  } catch (thrown) {
    // The receiver went away: not for the host's log.
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
    if (code !== 'ERR_STREAM_PREMATURE_CLOSE') throw thrown;
  }
}

async function* pieces(blob: BlobLike, start: number, end: number): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end; at += PIECE_BYTES) {
    yield new Uint8Array(await blob.slice(at, Math.min(at + PIECE_BYTES, end)).arrayBuffer());
  }
}

/** What was read already, then what follows; whoever stops early ends the source as well. */
async function* rest(
  first: IteratorResult<Uint8Array>,
  following: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (first.done) return;
  yield first.value;
  yield* { [Symbol.asyncIterator]: () => following };
}

type Range = { readonly start: number; readonly end: number } | 'whole' | 'unsatisfiable';

/** What a `Range` header asks of `size` bytes, end exclusive; what is not understood is ignored, as the standard says. */
export function rangeOf(header: string | undefined, size: number): Range {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (first === '' && last === '') return 'whole';
  if (first === '')
    return Number(last) === 0 || size === 0 ? 'unsatisfiable' : { start: Math.max(0, size - Number(last)), end: size };
  const start = Number(first);
  if (last !== '' && Number(last) < start) return 'whole';
  if (start >= size) return 'unsatisfiable';
  return { start, end: last === '' ? size : Math.min(Number(last) + 1, size) };
}

function matches(header: string | undefined, etag: string): boolean {
  return (
    header !== undefined && (header === '*' || header.split(',').some((one) => one.trim().replace(/^W\//, '') === etag))
  );
}

/** For receivers that do not read `filename*`. */
function asciiName(name: string): string {
  return name.replace(/[^\w.()+ -]/g, '_');
}
