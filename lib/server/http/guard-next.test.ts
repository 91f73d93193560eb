/** What reaches Next.js, asked of a server made as Next.js makes its own. */
import http, { type Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { addressOf, closed, listening, rawAnswer } from '../testing.ts';
import { guardNext } from './guard-next.ts';
import { SOURCE_HEADER, vouchedSource } from './source.ts';

const SECRET = 'between-us';
let server: Server | null = null;
let seen: { method?: string; url?: string; headers: http.IncomingHttpHeaders }[] = [];
afterEach(async () => {
  if (server) await closed(server);
  server = null;
  seen = [];
});

async function page(env: Readonly<Record<string, string>> = {}) {
  guardNext({ CONTIGUA_JOB_SECRET: SECRET, ...env });
  const opened = http.createServer(({ method, url, headers }, response) => {
    seen.push({ method, url, headers });
    response.end('page');
  });
  // Next.js has such a listener.
  opened.on('upgrade', (_, socket) => socket.end('upgraded'));
  server = await listening(opened);
  const port = Number(new URL(addressOf(opened)).port);
  return async (head: string) => {
    const answer = await rawAnswer(port, `${head}\r\nConnection: close\r\n\r\n`);
    return { status: Number(answer.split(' ')[1]), answer };
  };
}

describe('the web server', () => {
  it.each([
    ['PUT / HTTP/1.1\r\nHost: localhost', 405],
    ['TRACE / HTTP/1.1\r\nHost: localhost', 405],
    ['OPTIONS * HTTP/1.1\r\nHost: localhost', 405],
    ['DELETE /api/trpc/runs.list HTTP/1.1\r\nHost: localhost', 405],
    ['GET / HTTP/1.1\r\nHost:', 400],
    ['GET / HTTP/1.1\r\nHost: ', 400],
    ['GET / HTTP/1.1', 400],
    ['GET / HTTP/1.0', 400],
    ['GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example', 400],
    ['GET / HTTP/1.1\r\nHost: localhost\r\nhost: localhost', 400],
    ['GET /% HTTP/1.1\r\nHost: localhost', 400],
    ['GET /runs/%zz HTTP/1.1\r\nHost: localhost', 400],
    ['GET /api/trpc/%E0%A4%A HTTP/1.1\r\nHost: localhost', 400],
    ['GET /runs/%00 HTTP/1.1\r\nHost: localhost', 400],
    ['GET http://localhost/runs HTTP/1.1\r\nHost: localhost', 400],
    ['GET /_next/image?url=%2Fapi%2Ftrpc%2Fruns.list&w=64&q=75 HTTP/1.1\r\nHost: localhost', 404],
    ['GET /_next/%69mage?url=%2Fx HTTP/1.1\r\nHost: localhost', 404],
    ['GET //_next//image/?url=%2Fx HTTP/1.1\r\nHost: localhost', 404],
  ])('refuses %j with %i', async (head, status) => {
    const ask = await page();
    const refused = await ask(head);
    expect([refused.status, seen]).toEqual([status, []]);
    expect(refused.answer).not.toContain('page');
  });

  it('takes a request for an upgrade for any other, and judges it', async () => {
    const ask = await page();
    const upgrade =
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==';
    expect((await ask(`GET /_next/image?url=%2Fx HTTP/1.1\r\nHost: localhost\r\n${upgrade}`)).status).toBe(404);
    expect((await ask(`GET / HTTP/1.1\r\nHost:\r\n${upgrade}`)).status).toBe(400);
    expect(seen).toEqual([]);
    expect((await ask(`GET /runs HTTP/1.1\r\nHost: localhost\r\nX-Contigua-Source: forged\r\n${upgrade}`)).status).toBe(
      200,
    );
    expect(seen).toMatchObject([{ url: '/runs', headers: { [SOURCE_HEADER]: vouchedSource('127.0.0.1', SECRET) } }]);
  });

  it('passes on what the page asks, with its source, and without what only our processes and proxies may say', async () => {
    const ask = await page();
    const forged = [
      'X-Forwarded-For: 10.9.9.9',
      'X-Forwarded-Host: evil.example',
      'X-Forwarded-Proto: https',
      'Forwarded: for=10.9.9.9',
      `X-Contigua-Source: ${vouchedSource('10.9.9.9', 'guess')}`,
      'X-Contigua-Secret: guess',
      'X-Contigua-Host: localhost',
      'Cookie: a=1',
    ].join('\r\n');
    expect((await ask(`GET /runs/7?a=%25 HTTP/1.1\r\nHost: localhost:3000\r\n${forged}`)).status).toBe(200);
    expect(seen).toEqual([
      {
        method: 'GET',
        url: '/runs/7?a=%25',
        headers: {
          host: 'localhost:3000',
          cookie: 'a=1',
          connection: 'close',
          'x-forwarded-for': '127.0.0.1',
          [SOURCE_HEADER]: vouchedSource('127.0.0.1', SECRET),
        },
      },
    ]);
  });

  it('believes a proxy that is trusted', async () => {
    const ask = await page({ CONTIGUA_TRUSTED_PROXIES: '127.0.0.1' });
    const said = 'X-Forwarded-For: 1.1.1.1, 203.0.113.9\r\nX-Forwarded-Proto: https';
    await ask(`GET / HTTP/1.1\r\nHost: localhost\r\n${said}`);
    expect(seen[0]?.headers).toMatchObject({
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-proto': 'https',
      [SOURCE_HEADER]: vouchedSource('203.0.113.9', SECRET),
    });
  });

  it('is guarded once: servers made later are not', async () => {
    await page();
    const later = http.createServer(() => {});
    expect([server?.requestTimeout, server?.headersTimeout, later.requestTimeout]).toEqual([0, 10_000, 300_000]);
  });
});
