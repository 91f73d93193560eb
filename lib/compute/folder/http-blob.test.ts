import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { BlobLike } from '../../core/checkpoint/index.ts';
import { startSourceServer } from '../../testing/source-server.ts';
import { openHttpBlob } from './http-blob.ts';
import { hostFetch } from './http-exchange.ts';
import { DEFAULT_RETRY } from './retry.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const MIB = 2 ** 20;
const HEAD = 2 ** 17;
const retry = { ...DEFAULT_RETRY, firstDelayMs: 1, maxDelayMs: 4 };
const host = { fetcher: hostFetch, retry, signal: () => undefined };
const openBlob = (url: string, path = 'model.safetensors') => openHttpBlob({ url, path, host });
const file = Uint8Array.from({ length: 9 * MIB + 123 }, (_, i) => (i * 31 + (i >> 8)) & 0xff);

type Answer = (range: [number, number] | null, response: ServerResponse, request: IncomingMessage) => void;

/** A server of one file on this machine, and the ranges that it was asked for. */
async function serveFile(answer: Answer = rangeAnswer(file)) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const header = request.headers.range ?? '';
    asked.push(header);
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(header) ?? [];
    answer(from === undefined ? null : [Number(from), Number(to) + 1], response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/model.safetensors`, asked, server };
}

function rangeAnswer(bytes: Uint8Array, headers: Record<string, string> = {}): Answer {
  return (range, response) => {
    const [start, end] = range ?? [0, bytes.length];
    if (start >= bytes.length) {
      response.writeHead(416, { 'Content-Range': `bytes */${bytes.length}` }).end();
      return;
    }
    const piece = bytes.subarray(start, end);
    response.writeHead(206, {
      'Content-Range': `bytes ${start}-${start + piece.length - 1}/${bytes.length}`,
      'Content-Length': piece.length,
      ...headers,
    });
    response.end(piece);
  };
}

async function openOrFail(url: string): Promise<BlobLike> {
  const blob = await openBlob(url);
  if (!blob) throw new Error('The file was not found');
  return blob;
}
const bytesOf = async (blob: BlobLike) => new Uint8Array(await blob.arrayBuffer());
/** Comparing megabytes element by element with a matcher takes minutes. */
const isFilesBytes = (bytes: Uint8Array, start: number, end?: number) =>
  Buffer.compare(bytes, file.subarray(start, end)) === 0;

describe('a file over HTTP', () => {
  it.each([
    [0, 8],
    [5, 5],
    [MIB - 3, MIB + 3],
    [MIB, 3 * MIB],
    [file.length - 10, file.length],
    [100, 8 * MIB],
  ])('gives bytes %i to %i as they are in the file', async (start, end) => {
    const { url } = await serveFile();
    const blob = await openOrFail(url);
    expect(blob.size).toBe(file.length);
    expect(isFilesBytes(await bytesOf(blob.slice(start, end)), start, end)).toBe(true);
  });

  it('slices slices, and clamps as a Blob does', async () => {
    const { url } = await serveFile();
    const blob = await openOrFail(url);
    expect(isFilesBytes(await bytesOf(blob.slice(1000, 2000).slice(10, 20)), 1010, 1020)).toBe(true);
    expect(isFilesBytes(await bytesOf(blob.slice(-4)), -4)).toBe(true);
    expect(blob.slice(20, 10).size).toBe(0);
    expect(blob.slice(0, 10 * file.length).size).toBe(file.length);
  });

  it('reads many small neighbours with few requests', async () => {
    const { url, asked } = await serveFile();
    const blob = await openOrFail(url);
    for (let at = 0; at < 3 * MIB; at += 50_000) {
      expect(isFilesBytes(await bytesOf(blob.slice(at, at + 16)), at, at + 16)).toBe(true);
    }
    expect(asked).toHaveLength(4);
  });

  it.each([
    ['little where small reads of a large file lie far apart', 8 * MIB, 8, 2 ** 16],
    ['more and more where a large file is read in order', 50_000, 90, 2 ** 20],
  ])('reads %s', async (_, stride, reads, largest) => {
    const server = await startSourceServer(
      new Map([['w.gguf', { sizeBytes: 200 * MIB, read: (start, end) => new Uint8Array(end - start) }]]),
    );
    closers.push(() => void server.close());
    const blob = await openBlob(`${server.url}/w.gguf`);
    for (let i = 1; i <= reads; i++) await bytesOf(blob!.slice(i * stride, i * stride + 16));
    const sizes = server.asked.slice(1).map(({ range }) => (range ? range[1] - range[0] : 0));
    expect(Math.max(...sizes)).toBe(largest);
    expect(sizes.length).toBeLessThanOrEqual(10);
  });

  it('asks once for a page that several readers want at a time, and once for a run of pages', async () => {
    const { url, asked } = await serveFile();
    const blob = await openOrFail(url);
    await Promise.all([bytesOf(blob.slice(2 * MIB, 5 * MIB)), bytesOf(blob.slice(3 * MIB, 3 * MIB + 9))]);
    expect(asked).toEqual([`bytes=0-${HEAD - 1}`, `bytes=${2 * MIB}-${5 * MIB - 1}`]);
  });

  it('takes the whole file once from a server that ignores ranges', async () => {
    const { url, asked } = await serveFile((_, response) => response.writeHead(200).end(file));
    const blob = await openOrFail(url);
    expect(blob.size).toBe(file.length);
    expect(isFilesBytes(await bytesOf(blob.slice(4 * MIB, 4 * MIB + 5)), 4 * MIB, 4 * MIB + 5)).toBe(true);
    expect(asked).toHaveLength(1);
  });

  it('is null where there is no file, and empty where the file is', async () => {
    const missing = await serveFile((_, response) => response.writeHead(404).end('nothing here'));
    expect(await openBlob(missing.url)).toBeNull();
    const empty = await serveFile(rangeAnswer(new Uint8Array(0)));
    expect((await openOrFail(empty.url)).size).toBe(0);
  });

  it.each<[string, Answer, RegExp]>([
    ['an error status', (_, response) => response.writeHead(503).end(), /model\.safetensors.*answered 503/],
    [
      'another range than asked for',
      (_, response) => response.writeHead(206, { 'Content-Range': 'bytes 5-9/100' }).end('abcde'),
      /another range; found bytes 5-9\/100/,
    ],
    [
      'no Content-Range',
      (_, response) => response.writeHead(206).end('abcde'),
      /another range; found no Content-Range/,
    ],
    [
      'a length that does not come',
      (range, response) => {
        if (range?.[0] !== 0) return response.destroy();
        response.writeHead(206, { 'Content-Range': 'bytes 0-99/100', 'Content-Length': '100' });
        response.write('abc', () => response.destroy());
      },
      /cannot be reached; found .* after 6 attempts in a row/,
    ],
  ])('says what is wrong when the server sends %s', async (_, answer, message) => {
    const { url } = await serveFile(answer);
    const opening = openBlob(url);
    await expect(opening).rejects.toMatchObject({ code: 'source-unreachable' });
    await expect(opening).rejects.toThrow(message);
  });

  it('notices that the file changed between two reads', async () => {
    let tag = '"one"';
    const { url } = await serveFile((...answer) => rangeAnswer(file, { ETag: tag })(...answer));
    const blob = await openOrFail(url);
    tag = '"two"';
    await expect(bytesOf(blob.slice(2 * MIB, 2 * MIB + 4))).rejects.toThrow(/changed on the server/);
  });

  it.each([
    [{ ETag: '"one"' }, '"one"'],
    [{ ETag: 'W/"one"' }, '"one"'],
    [{ 'Last-Modified': 'Wed, 21 Oct 2026 07:28:00 GMT' }, 'Wed, 21 Oct 2026 07:28:00 GMT'],
    [{}, undefined],
  ])('tells its version, of %j', async (headers, version) => {
    const { url } = await serveFile(rangeAnswer(file, headers));
    expect((await openOrFail(url)).version).toBe(version);
  });

  it('tries again after a failed read', async () => {
    let failing = false;
    const { url } = await serveFile((range, response, request) => {
      if (failing) response.writeHead(500).end();
      else rangeAnswer(file)(range, response, request);
    });
    const blob = await openOrFail(url);
    failing = true;
    await expect(bytesOf(blob.slice(2 * MIB, 2 * MIB + 4))).rejects.toThrow(/answered 500/);
    failing = false;
    expect(isFilesBytes(await bytesOf(blob.slice(2 * MIB, 2 * MIB + 4)), 2 * MIB, 2 * MIB + 4)).toBe(true);
  });

  it('says so when the server is gone', async () => {
    const { url, server } = await serveFile();
    const blob = await openOrFail(url);
    server.closeAllConnections();
    server.close();
    await expect(bytesOf(blob.slice(2 * MIB, 2 * MIB + 4))).rejects.toThrow(/cannot be reached/);
  });
});

describe('a server that sends more than was asked for', () => {
  it('is stopped where it says so', async () => {
    const { url } = await serveFile((_, response) => {
      response.writeHead(200, { 'Content-Length': 2 ** 31 });
      response.write('x');
    });
    await expect(openBlob(url)).rejects.toThrow(
      /model\.safetensors: .*sends the whole file.*too large; found more; expected at most 1,073,741,824 bytes/,
    );
  });

  it('is stopped where it does not', async () => {
    const { url } = await serveFile((_, response) => {
      response.writeHead(206, { 'Content-Range': `bytes 0-${HEAD - 1}/${file.length}` });
      const timer = setInterval(() => response.write(Buffer.alloc(MIB)), 1);
      response.on('close', () => clearInterval(timer));
    });
    await expect(openBlob(url)).rejects.toThrow(
      /model\.safetensors: .*sent too much; found more; expected at most 131,072 bytes/,
    );
  });
});
