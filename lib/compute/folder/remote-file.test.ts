import { afterEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../core/random.ts';
import {
  type Asked,
  type Fault,
  type SourceServer,
  servedBytes,
  startSourceServer,
} from '../../testing/source-server.ts';
import { type HttpHost, hostFetch } from './http-exchange.ts';
import { RemoteFile, type RemoteFileOptions } from './remote-file.ts';
import { DEFAULT_RETRY, retryAfterOf } from './retry.ts';

const file = Uint8Array.from({ length: 100_003 }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
const FAST = { ...DEFAULT_RETRY, firstDelayMs: 1, maxDelayMs: 4 };

let server: SourceServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function served(fault: (asked: Asked) => Fault | undefined = () => undefined) {
  server = await startSourceServer(new Map([['model.safetensors', servedBytes(file)]]));
  server.fault = fault;
  return server;
}

function remote({ url }: SourceServer, options: Partial<RemoteFileOptions> = {}, host: Partial<HttpHost> = {}) {
  return new RemoteFile({
    url: `${url}/model.safetensors`,
    path: 'model.safetensors',
    host: { fetcher: hostFetch, retry: FAST, signal: () => undefined, ...host },
    ...options,
  });
}
const isFilesBytes = (bytes: Uint8Array | null, start: number, end: number) =>
  bytes !== null && Buffer.compare(bytes, file.subarray(start, end)) === 0;

describe('a connection that drops', () => {
  it('costs nothing that had come, wherever it drops', async () => {
    const random = seededRandom(7);
    const drops = [-1, 0, 1, 9_999, ...Array.from({ length: 40 }, () => random.integer(10_000))];
    for (const dropAfter of drops) {
      const one = await served(({ index }) => (index === 0 ? { dropAfter } : undefined));
      const bytes = await remote(one, { sizeBytes: file.length }).read(500, 10_500);
      expect(isFilesBytes(bytes, 500, 10_500), `dropped after ${dropAfter}`).toBe(true);
      expect(one.asked.length).toBe(2);
      const resumedAt = one.asked[1]?.range?.[0] ?? 0;
      expect(resumedAt).toBeGreaterThanOrEqual(500);
      expect(resumedAt).toBeLessThanOrEqual(500 + Math.max(dropAfter, 0));
      expect(one.sentBytes).toBeLessThanOrEqual(10_000 + Math.max(dropAfter, 0));
      await one.close();
    }
  });

  it('is taken up at the byte that was reached', async () => {
    const one = await served(({ index }) => (index === 0 ? { endAfter: 4_000 } : undefined));
    expect(isFilesBytes(await remote(one, { sizeBytes: file.length }).read(0, 10_000), 0, 10_000)).toBe(true);
    expect(one.asked.map(({ range }) => range)).toEqual([
      [0, 10_000],
      [4_000, 10_000],
    ]);
    expect(one.sentBytes).toBe(10_000);
  });

  it.each([-1, 0, 700])('after %i bytes is met with patience while the file is opened', async (dropAfter) => {
    const one = await served(({ index }) => (index < 3 ? { dropAfter } : undefined));
    const opened = remote(one);
    expect(isFilesBytes(await opened.open(2_000), 0, 2_000)).toBe(true);
    expect(opened.sizeBytes).toBe(file.length);
  });

  it('again and again ends in an error that says how often', async () => {
    const one = await served(() => ({ dropAfter: 1 }));
    const reading = remote(one, { sizeBytes: file.length }).read(0, 1_000);
    await expect(reading).rejects.toMatchObject({ code: 'source-unreachable' });
    await expect(reading).rejects.toThrow(/model\.safetensors: .*connection broke; found .* after 6 attempts in a row/);
    expect(one.asked).toHaveLength(6);
  });
});

describe('a server that stalls', () => {
  it.each([-1, 0, 3_000])('after %i bytes is left, and asked for the rest', async (stallAfter) => {
    const one = await served(({ index }) => (index === 0 ? { stallAfter } : undefined));
    const retry = { ...FAST, stallMs: 400 };
    expect(isFilesBytes(await remote(one, { sizeBytes: file.length }, { retry }).read(0, 5_000), 0, 5_000)).toBe(true);
    expect(one.asked.at(-1)?.range?.[0]).toBe(Math.max(stallAfter, 0));
  });

  it('for good is an error', async () => {
    const one = await served(() => ({ stallAfter: -1 }));
    const retry = { ...FAST, attempts: 2, stallMs: 50 };
    await expect(remote(one, {}, { retry }).open(10)).rejects.toThrow(
      /the server stalled; found no answer for 0\.05 s after 2 attempts in a row/,
    );
  });

  it('is left at once where its reader stops', async () => {
    const stop = new AbortController();
    const one = await served(() => {
      stop.abort();
      return { stallAfter: 10 };
    });
    const reading = remote(one, { sizeBytes: file.length }, { signal: () => stop.signal }).read(0, 5_000);
    await expect(reading).rejects.toMatchObject({ code: 'cancelled' });
    expect(one.asked).toHaveLength(1);
  });
});

describe('a server that asks for patience', () => {
  it.each([429, 500, 502, 503, 504])('with %i is asked again', async (status) => {
    const one = await served(({ index }) => (index < 2 ? { status } : undefined));
    expect(isFilesBytes(await remote(one).open(100), 0, 100)).toBe(true);
    expect(one.asked).toHaveLength(3);
  });

  it('for longer than anybody waits is told', async () => {
    const one = await served(() => ({ status: 429, headers: { 'Retry-After': '3600' } }));
    await expect(remote(one).open(100)).rejects.toThrow(
      /answered 429.*after 1 attempt; the server asks to wait 3600 s/,
    );
    expect(one.asked).toHaveLength(1);
  });

  it('is not asked before the time that it names', async () => {
    const one = await served(({ index }) =>
      index === 0 ? { status: 503, headers: { 'Retry-After': '1' } } : undefined,
    );
    const startedAt = performance.now();
    await remote(one).open(100);
    expect(performance.now() - startedAt).toBeGreaterThan(990);
  });

  it('may name a date', () => {
    const now = Date.parse('2025-06-01T10:00:00Z');
    const pauseFor = (text: string) => retryAfterOf(new Headers({ 'Retry-After': text }), now);
    expect(pauseFor('Sun, 01 Jun 2025 10:00:07 GMT')).toBe(7_000);
    expect(pauseFor('Sun, 01 Jun 2025 09:00:00 GMT')).toBe(0);
    expect(pauseFor('soon')).toBeUndefined();
  });
});

describe('a server that is wrong about its ranges', () => {
  it.each<[string, Fault, RegExp]>([
    ['another start', { headers: { 'Content-Range': 'bytes 0-99/100003' } }, /another range; found bytes 0-99\/100003/],
    ['a longer range', { headers: { 'Content-Range': 'bytes 1000-9999/100003' } }, /another range/],
    ['a range beyond the file', { headers: { 'Content-Range': 'bytes 1000-1999/1500' } }, /another range/],
    ['no total', { headers: { 'Content-Range': 'bytes 1000-1999/*' } }, /another range/],
    ['more than it announces', { surplus: 10 }, /sent too much; found more; expected at most 1,000 bytes/],
    ['an encoding', { headers: { 'Content-Encoding': 'br' } }, /another range; found .*encoded as br/],
  ])('by %s is refused at once', async (_, fault, message) => {
    const one = await served(() => fault);
    const reading = remote(one, { sizeBytes: file.length }).read(1_000, 2_000);
    await expect(reading).rejects.toMatchObject({ code: 'source-unreachable' });
    await expect(reading).rejects.toThrow(message);
    expect(one.asked).toHaveLength(1);
  });

  it('may send less of one, if it says so', async () => {
    const one = await served(({ index }) =>
      index === 0 ? { endAfter: 300, headers: { 'Content-Range': 'bytes 1000-1299/100003' } } : undefined,
    );
    expect(isFilesBytes(await remote(one, { sizeBytes: file.length }).read(1_000, 2_000), 1_000, 2_000)).toBe(true);
    expect(one.asked[1]?.range).toEqual([1_300, 2_000]);
  });

  it('by having none sends the file once', async () => {
    const one = await served(({ index }) => ({ ignoresRange: true, ...(index === 0 ? { dropAfter: 50_000 } : {}) }));
    const opened = remote(one);
    await opened.open(100);
    expect(isFilesBytes(await opened.read(5_000, 6_000), 5_000, 6_000)).toBe(true);
    expect(one.asked).toHaveLength(2);
  });
});

describe('a file that changes on the server', () => {
  it.each<[string, Fault, RegExp]>([
    ['its ETag', { headers: { ETag: '"two"' } }, /found version "two"; expected version "one"/],
    [
      'its length',
      { headers: { 'Content-Range': 'bytes 1000-1999/100004' } },
      /found 100,004 bytes; expected 100,003 bytes/,
    ],
    ['to nothing', { status: 404 }, /found no such file any more; expected 100,003 bytes/],
    ['to a shorter one', { status: 416, headers: { 'Content-Range': 'bytes */50' } }, /found a file of 50 bytes/],
    ['where ranges are ignored', { ignoresRange: true, headers: { ETag: '"two"' } }, /found version "two"/],
  ])('%s is noticed between two reads', async (_, fault, message) => {
    const one = await served(({ index }) => (index > 0 ? fault : undefined));
    const opened = remote(one);
    await opened.open(100);
    const reading = opened.read(1_000, 2_000);
    await expect(reading).rejects.toMatchObject({ code: 'source-changed' });
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toThrow(/model\.safetensors: The file changed on the server.*Open the model again/);
    expect(one.asked).toHaveLength(2);
  });

  it('is noticed where a dropped connection is taken up', async () => {
    const one = await served(({ index }) => (index === 0 ? { dropAfter: 300 } : { headers: { ETag: '"two"' } }));
    await expect(remote(one).open(1_000)).rejects.toMatchObject({ code: 'source-changed' });
  });

  it('and is not what was listed is refused', async () => {
    const one = await served();
    await expect(remote(one, { sizeBytes: 99 }).read(0, 10)).rejects.toThrow(
      /sends another file than the one that it listed; found 100,003 bytes; expected 99 bytes/,
    );
  });

  it('is the same one where a proxy weakened its ETag', async () => {
    const one = await served(({ index }) => (index > 0 ? { headers: { ETag: 'W/"one"' } } : undefined));
    const opened = remote(one);
    await opened.open(100);
    expect(isFilesBytes(await opened.read(1_000, 2_000), 1_000, 2_000)).toBe(true);
  });
});

describe('a file that redirects to another server', () => {
  const path = 'transformer/w.safetensors';
  async function redirected(fault: (asked: Asked) => Fault | undefined = () => undefined) {
    server = await startSourceServer(new Map([[path, servedBytes(file)]]));
    server.fault = fault;
    const url = `${server.hubUrl}/lab/model/resolve/0123456789abcdef0123456789abcdef01234567/${path}`;
    const headers = { Authorization: 'Bearer secret' };
    return { one: server, opened: remote(server, { url, headers, sizeBytes: file.length }) };
  }
  const of = ({ asked }: SourceServer, part: string) => asked.filter((one) => one.path.includes(part));

  it('is read there until the address expires, and then resolved again', async () => {
    const { one, opened } = await redirected();
    await opened.read(0, 100);
    await opened.read(100, 200);
    expect([of(one, 'resolve').length, of(one, 'signed').length]).toEqual([1, 2]);
    one.expireSignatures();
    expect(isFilesBytes(await opened.read(200, 300), 200, 300)).toBe(true);
    expect([of(one, 'resolve').length, of(one, 'signed').length]).toEqual([2, 4]);
  });

  it('keeps its token from that server', async () => {
    const { one, opened } = await redirected();
    await opened.read(0, 100);
    await opened.read(100, 200);
    expect(of(one, 'resolve').map(({ authorization }) => authorization)).toEqual(['Bearer secret']);
    expect(of(one, 'signed').map(({ authorization }) => authorization)).toEqual([undefined, undefined]);
  });

  it('may be missing there', async () => {
    const { opened } = await redirected(({ path: asked }) => (asked.includes('signed') ? { status: 404 } : undefined));
    await expect(opened.read(0, 100)).rejects.toMatchObject({ code: 'source-changed' });
    const missing = remote(server!, { url: server!.hubUrl }, { fetcher: async () => redirectedTo404() });
    expect(await missing.open(10)).toBeNull();
  });

  it('is given up where every fresh address is refused', async () => {
    const { one, opened } = await redirected(({ path: asked }) =>
      asked.includes('signed') ? { status: 403 } : undefined,
    );
    await expect(opened.read(0, 100)).rejects.toThrow(/answered 403.*after 6 attempts in a row/);
    expect(of(one, 'resolve')).toHaveLength(6);
  });
});

it('A file that the server refuses is not asked for twice', async () => {
  const one = await served(() => ({ status: 403 }));
  await expect(remote(one).open(10)).rejects.toMatchObject({ code: 'source-refused' });
  expect(one.asked).toHaveLength(1);
});

/** As after http → https, where the file is not there. */
function redirectedTo404(): Response {
  return Object.defineProperty(new Response(null, { status: 404 }), 'redirected', { value: true });
}
