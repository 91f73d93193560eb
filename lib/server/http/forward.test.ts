import { createServer, type RequestListener, type Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addressOf, closed, listening } from '../testing.ts';
import { forward, hostAddress } from './forward.ts';

let server: Server;
let answer: RequestListener = (_, response) => response.end('ok');
beforeEach(async () => {
  server = await listening(createServer((request, response) => answer(request, response)));
});
afterEach(async () => {
  if (server.listening) await closed(server);
});
const host = () => ({ url: addressOf(server), secret: 'between-us' });
const page = (path: string, init?: RequestInit & { duplex?: 'half' }) =>
  new Request(`http://localhost:3000${path}`, init);

describe('the web process', () => {
  it('passes path, query and headers on as they came, with its own secret and without the caller’s', async () => {
    const seen: unknown[] = [];
    answer = (request, response) => {
      const {
        origin,
        cookie,
        range,
        'accept-encoding': encoding,
        'x-contigua-secret': secret,
        'x-contigua-host': asked,
      } = request.headers;
      seen.push([request.method, request.url, origin, cookie, range, encoding, secret, asked]);
      response.writeHead(206, { 'Content-Range': 'bytes 0-1/9', ETag: '"e"', 'Set-Cookie': ['a=1', 'b=2'] }).end('ab');
    };
    const headers = {
      origin: 'http://localhost:3000',
      cookie: 'c=1',
      range: 'bytes=0-1',
      'accept-encoding': 'gzip',
      'x-contigua-secret': 'guessed',
      'x-contigua-host': 'localhost',
      host: 'localhost:3000',
    };
    const reply = await forward(page('/api/files/runs/7/model.zip?plugged=3-4,7-9', { headers }), host());
    expect(seen).toEqual([
      [
        'GET',
        '/files/runs/7/model.zip?plugged=3-4,7-9',
        'http://localhost:3000',
        'c=1',
        'bytes=0-1',
        undefined,
        'between-us',
        'localhost:3000',
      ],
    ]);
    expect(reply.status).toBe(206);
    expect([reply.headers.get('content-range'), reply.headers.get('etag')]).toEqual(['bytes 0-1/9', '"e"']);
    expect(reply.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(await reply.text()).toBe('ab');
  });

  it('passes an empty Host on as one, which is nobody’s', async () => {
    const seen: unknown[] = [];
    answer = ({ headers }, response) => response.end(String(seen.push(headers['x-contigua-host'])));
    await forward(page('/api/trpc/runs.list', { headers: { host: '' } }), host());
    await forward(page('/api/trpc/runs.list'), host());
    expect(seen).toEqual(['', '']);
  });

  it('gives each part of an answer when it comes, and leaves when its reader does', async () => {
    let say = (_: string) => {};
    let left = false;
    answer = (_, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.flushHeaders();
      say = (text) => response.write(text);
      response.once('close', () => {
        left = true;
      });
    };
    const reply = await forward(page('/api/trpc/runs.follow'), host());
    const reader = reply.body!.getReader();
    for (const text of ['one', 'two']) {
      say(text);
      expect(new TextDecoder().decode((await reader.read()).value)).toBe(text);
    }
    await reader.cancel();
    await expect.poll(() => left).toBe(true);
  });

  it('leaves the host when the page’s request is given up before an answer', async () => {
    let left = false;
    answer = (request) => {
      request.socket.once('close', () => {
        left = true;
      });
      leaving.abort();
    };
    const leaving = new AbortController();
    expect((await forward(page('/api/trpc/x', { signal: leaving.signal }), host())).status).toBe(499);
    await expect.poll(() => left).toBe(true);
  });

  it('streams a body on, and gives the answer to one that the host stops reading', async () => {
    answer = async (request, response) => {
      let size = 0;
      for await (const part of request) size += part.length;
      response.end(String(size));
    };
    const body = () => new Blob([new Uint8Array(3_000_000)]).stream();
    const post = () => page('/api/files/calibrations', { method: 'POST', body: body(), duplex: 'half' });
    expect(await (await forward(post(), host())).text()).toBe('3000000');
    answer = (_, response) => response.writeHead(413).end('too large');
    const refused = await forward(post(), host());
    expect([refused.status, await refused.text()]).toEqual([413, 'too large']);
  });

  it('breaks an answer off where the host breaks off, so that it does not look complete', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'Content-Length': 100 });
      response.write('half', () => response.destroy());
    };
    const reply = await forward(page('/api/files/x'), host());
    await expect(reply.text()).rejects.toThrow();
  });

  it('answers 503 in the page’s own terms while there is no host, and has followers come again by themselves', async () => {
    const gone = host();
    await closed(server);
    for (const [address, summary] of [
      [gone, 'The job host does not answer'],
      [null, 'There is no job host'],
    ] as const) {
      const reply = await forward(page('/api/trpc/runs.list'), address);
      expect([reply.status, reply.headers.get('retry-after')]).toEqual([503, '1']);
      expect(await reply.json()).toMatchObject({ error: { data: { contigua: { code: 'not-ready', summary } } } });
      const follower = await forward(
        page('/api/trpc/runs.follow', { headers: { accept: 'text/event-stream' } }),
        address,
      );
      expect([follower.status, follower.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
      expect(await follower.text()).toBe('retry: 1000\n\n');
    }
  });

  it('knows its host from the start script alone', () => {
    expect(hostAddress({})).toBeNull();
    expect(hostAddress({ CONTIGUA_JOB_HOST: 'http://127.0.0.1:1' })).toBeNull();
    expect(hostAddress({ CONTIGUA_JOB_HOST: 'http://127.0.0.1:1', CONTIGUA_JOB_SECRET: 's' })).toEqual({
      url: 'http://127.0.0.1:1',
      secret: 's',
    });
  });
});
