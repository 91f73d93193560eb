/** The web server's own door, knocked at with bytes that no browser sends. */
import { connect, type Socket } from 'node:net';
import { expect, test } from '@playwright/test';

function knock(baseURL: string, bytes: string): { socket: Socket; answer: Promise<string> } {
  const { hostname, port } = new URL(baseURL);
  const socket = connect(Number(port), hostname).setEncoding('latin1');
  let text = '';
  socket.on('data', (part) => {
    text += part;
  });
  socket.on('error', () => {}); // a reset ends it too
  const answer = new Promise<string>((resolve) => socket.once('close', () => resolve(text)));
  socket.write(bytes);
  return { socket, answer };
}

const END = 'Connection: close\r\n\r\n';
const REFUSED: readonly (readonly [string, number])[] = [
  ['TRACE / HTTP/1.1\r\nHost: localhost\r\n', 405],
  ['PUT /api/trpc/runs.list HTTP/1.1\r\nHost: localhost\r\n', 405],
  ['GET /% HTTP/1.1\r\nHost: localhost\r\n', 400],
  ['GET /api/trpc/% HTTP/1.1\r\nHost: localhost\r\n', 400],
  ['GET /api/trpc/runs.list HTTP/1.1\r\nHost:\r\n', 400],
  ['GET /api/trpc/runs.list HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n', 400],
  ['GET /api/trpc/runs.list HTTP/1.1\r\nHost: evil.example\r\n', 403],
  ['GET /_next/image?url=%2Fapi%2Ftrpc%2Fserver.status&w=64&q=75 HTTP/1.1\r\nHost: localhost\r\n', 404],
];
for (const [head, status] of REFUSED) {
  test(`${JSON.stringify(head)} is refused with ${status}`, async ({ baseURL }) => {
    expect(await knock(baseURL!, `${head}${END}`).answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });
}

test('half-sent headers and bodies end within a minute, and the page is served meanwhile', async ({
  baseURL,
  request,
}) => {
  test.setTimeout(180_000);
  const post =
    'POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 999\r\n\r\nx';
  const begun = performance.now();
  const held = Array.from({ length: 200 }, (_, i) => knock(baseURL!, i % 2 === 0 ? 'GET / HTTP/1.1\r\nX: ' : post));
  expect((await request.get('/')).status()).toBe(200);
  await Promise.all(held.map(({ answer }) => answer));
  expect((performance.now() - begun) / 1000).toBeLessThan(60);
});
