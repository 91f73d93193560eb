/**
 * Sends a Blob, or the range of it that was asked for (RFC 9110, sections 13 and 14), reading no further ahead than the
 * receiver takes. One range per request: whoever asks for several gets the whole, as the standard allows.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { BlobLike } from '../../core/checkpoint/index.ts';

export interface Download {
  readonly blob: BlobLike;
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
  response.setHeader('ETag', etag);
  response.setHeader('Accept-Ranges', 'bytes');
  if (matches(request.headers['if-none-match'], etag)) {
    response.writeHead(304).end();
    return;
  }
  const condition = request.headers['if-range'];
  const whole = { start: 0, end: blob.size };
  const range =
    condition === undefined || condition === etag ? rangeOf(request.headers.range, blob.size) : ('whole' as const);
  if (range === 'unsatisfiable') {
    response.writeHead(416, { 'Content-Range': `bytes */${blob.size}` }).end();
    return;
  }
  const { start, end } = range === 'whole' ? whole : range;
  if (range !== 'whole') response.setHeader('Content-Range', `bytes ${start}-${end - 1}/${blob.size}`);
  response.writeHead(range === 'whole' ? 200 : 206, {
    'Content-Type': type,
    'Content-Length': end - start,
    'Content-Disposition': `attachment; filename="${asciiName(name)}"; filename*=UTF-8''${encodeURIComponent(name)}`,
  });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  try {
    await pipeline(Readable.from(pieces(blob, start, end), { objectMode: false }), response);
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
