/** Connections held in every wrong way, against a real server with limits of a moment. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { addressOf, ask, closed, listening } from '../testing.ts';
import { type GuardOptions, guardServer } from './guard-server.ts';

const sockets = new Set<Socket>();
/** The server's ends, by the client's port. */
const arrived = new Map<number, Socket>();
let server: Server | null = null;
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  if (server) await closed(server);
  server = null;
});

async function countBody(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let size = 0;
  try {
    for await (const part of request) size += part.length;
    response.end(String(size));
  } catch {
    response.destroy(); // the guard ended it, as most tests here want
  }
}

async function guarded(options: GuardOptions = {}) {
  const opened = guardServer(
    createServer((request, response) => void countBody(request, response)),
    { checkMs: 50, ...options },
  );
  opened.on('connection', (socket) => arrived.set(socket.remotePort ?? 0, socket));
  server = await listening(opened);
  const { port } = new URL(addressOf(opened));
  return (bytes: string, localAddress = '127.0.0.1') => {
    const socket = connect({ port: Number(port), host: '127.0.0.1', localAddress });
    sockets.add(socket);
    socket.on('error', () => {}); // a reset ends it too
    const ended = once(socket, 'close');
    socket.resume();
    socket.write(bytes);
    return { socket, ended, isOpen: () => !socket.closed };
  };
}

const HALF = 'GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ';
const SLOW = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nx';

it('ends connections that send nothing, half a header, or half a second header', async () => {
  const open = await guarded({ headersMs: 300 });
  const begun = performance.now();
  const held = ['', 'G', HALF, `GET / HTTP/1.1\r\nHost: localhost\r\n\r\n${HALF}`].map((bytes) => open(bytes));
  const dripping = open(HALF);
  const drip = setInterval(() => dripping.socket.write('x'), 50);
  await Promise.all([...held, dripping].map(({ ended }) => ended));
  clearInterval(drip);
  expect(performance.now() - begun).toBeGreaterThan(250);
});

it('ends bodies that stall or drip, and not one that is slow because this side reads slowly', async () => {
  const open = await guarded({ bodyGraceMs: 300, bodyBytesPerSecond: 1000 });
  const stalled = open(SLOW);
  const chunked = open('POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
  const dripping = open(SLOW);
  const drip = setInterval(() => dripping.socket.write('x'), 50);
  await Promise.all([stalled, chunked, dripping].map(({ ended }) => ended));
  clearInterval(drip);
  await closed(server!);

  let read = () => {};
  const reading = new Promise<void>((resolve) => {
    read = resolve;
  });
  server = await listening(
    guardServer(
      createServer((request, response) => void reading.then(() => countBody(request, response))),
      { checkMs: 50, bodyGraceMs: 100 },
    ),
  );
  const reply = ask(server, '/', { method: 'POST', body: new Uint8Array(4_000_000) });
  await new Promise((resolve) => setTimeout(resolve, 600));
  read();
  expect((await reply).text).toBe('4000000');
});

it('lets a body take as long as it needs while it arrives', async () => {
  const open = await guarded({ headersMs: 100, bodyGraceMs: 100, bodyBytesPerSecond: 10 });
  const { socket, isOpen } = open('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n');
  for (let i = 0; i < 10; i++) {
    expect(isOpen()).toBe(true);
    socket.write('x'.repeat(100));
    await new Promise((resolve) => setTimeout(resolve, 80));
  }
  await expect.poll(() => socket.bytesRead).toBeGreaterThan(0);
});

it('has the oldest of a source’s waiting connections make room for its newest, and leaves other sources alone', async () => {
  const open = await guarded({ waiting: 10, firstMs: 100, headersMs: 60_000 });
  const other = open(HALF, '127.0.0.2');
  await expect.poll(() => other.socket.connecting).toBe(false);
  const many: ReturnType<typeof open>[] = [];
  for (let i = 0; i < 200; i++) {
    const held = open(HALF);
    await once(held.socket, 'connect');
    many.push(held);
  }
  await expect.poll(() => many.filter(({ isOpen }) => isOpen()).length).toBe(10);
  expect(other.isOpen()).toBe(true);
  expect((await ask(server!, '/')).status).toBe(200);
});

it('lets a burst be, and no more connections of a source than its limit', async () => {
  const open = await guarded({ waiting: 1, connections: 50, headersMs: 60_000, firstMs: 60_000 });
  const burst = await Promise.all(Array.from({ length: 30 }, () => ask(server!, '/')));
  expect(burst.every(({ status }) => status === 200)).toBe(true);
  const held = Array.from({ length: 200 }, () => open(HALF));
  await expect.poll(() => held.filter(({ isOpen }) => isOpen()).length).toBe(50);
  expect((await ask(server!, '/')).status).toBe(200);
});

it('has the slowest of a source’s bodies make room for its newest', async () => {
  const open = await guarded({ bodies: 5, bodyGraceMs: 60_000 });
  const fast = open(SLOW);
  await once(server!, 'request');
  await new Promise((resolve) => fast.socket.write('x'.repeat(90_000), resolve));
  await expect.poll(() => arrived.get(fast.socket.localPort ?? 0)?.bytesRead).toBeGreaterThan(90_000);
  const slow: ReturnType<typeof open>[] = [];
  for (let i = 0; i < 50; i++) slow.push(open(SLOW));
  await expect.poll(() => slow.filter(({ isOpen }) => isOpen()).length).toBeLessThanOrEqual(5);
  expect(fast.isOpen()).toBe(true);
  expect((await ask(server!, '/', { method: 'POST', body: 'abc' })).text).toBe('3');
});

it('ends a connection whose request was answered before it had arrived', async () => {
  server = await listening(
    guardServer(
      createServer((_, response) => response.writeHead(413).end('too large')),
      { checkMs: 50, discardMs: 100 },
    ),
  );
  const socket = connect(Number(new URL(addressOf(server)).port), '127.0.0.1').on('error', () => {});
  sockets.add(socket);
  socket.resume();
  socket.write(SLOW);
  await once(socket, 'close');
  expect(socket.bytesRead).toBeGreaterThan(0);
});
