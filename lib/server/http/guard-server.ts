/**
 * Bounds what connections to a `http.Server` may hold, for each source by itself: a request line and headers have seconds
 * to arrive, a body has to go on arriving, and a source has so many connections and unfinished bodies at once. Beyond that
 * its own oldest or slowest makes room, so that a newcomer is served and another source notices nothing. Node's limit for
 * a whole request is off: it would end a large upload over a slow line, and tells such from a held connection by nothing.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export interface GuardLimits {
  /** Time for request line and headers, from the connection's begin or the last answer's end. */
  readonly headersMs: number;
  /** A body may pause so long; after that it needs `bodyBytesPerSecond` on average. */
  readonly bodyGraceMs: number;
  readonly bodyBytesPerSecond: number;
  /** After an answer that came before the request's end. */
  readonly discardMs: number;
  readonly checkMs: number;
  /** Connections of one source. */
  readonly connections: number;
  /** Connections of one source on which no request has arrived, though they had `firstMs` for it. */
  readonly waiting: number;
  readonly firstMs: number;
  /** Bodies of one source that are still arriving. */
  readonly bodies: number;
  readonly allConnections: number;
}

export interface GuardOptions extends Partial<GuardLimits> {
  /** Whom a connection is counted for; null for a proxy's, which is bounded in all alone. */
  readonly sourceOf?: (socket: Socket) => string | null;
  /** Whom a request's body is counted for. */
  readonly requestSourceOf?: (request: IncomingMessage) => string;
  /** Looks at a request before anybody else; true where it has answered. */
  readonly answer?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

const LIMITS: GuardLimits = {
  headersMs: 10_000,
  bodyGraceMs: 10_000,
  bodyBytesPerSecond: 1024,
  discardMs: 2_000,
  checkMs: 1_000,
  connections: 256,
  waiting: 64,
  firstMs: 1_000,
  bodies: 32,
  allConnections: 4096,
};
const KEEP_ALIVE_MS = 5_000;
const MAX_HEADERS = 100;

interface Body {
  readonly request: IncomingMessage;
  readonly source: string;
  readonly bytesBefore: number;
  /** Since when it is expected to arrive (ms). */
  since: number;
}

interface Connections {
  readonly all: Set<Socket>;
  /** Since when (ms), in the order in which they came. */
  readonly waiting: Map<Socket, number>;
}

/** Before `listen`. Returns the server. */
export function guardServer(server: Server, options: GuardOptions = {}): Server {
  const limits = { ...LIMITS, ...options };
  const sourceOf = options.sourceOf ?? ((socket) => socket.remoteAddress ?? '');
  const requestSourceOf = options.requestSourceOf ?? (({ socket }) => socket.remoteAddress ?? '');
  const sources = new Map<string, Connections>();
  const bodies = new Set<Body>();

  server.headersTimeout = limits.headersMs;
  server.requestTimeout = 0;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.maxHeadersCount = MAX_HEADERS;
  server.maxConnections = limits.allConnections;
  // How often Node looks for connections over the time above: read when the server begins to listen, 30 s unless set.
  Object.assign(server, { connectionsCheckingInterval: limits.checkMs });

  server.prependListener('connection', (socket) => {
    const source = sourceOf(socket);
    if (source === null) return;
    const mine = sources.get(source) ?? { all: new Set(), waiting: new Map() };
    sources.set(source, mine);
    mine.all.add(socket);
    mine.waiting.set(socket, performance.now());
    socket.once('close', () => {
      mine.all.delete(socket);
      mine.waiting.delete(socket);
      if (mine.all.size === 0) sources.delete(source);
    });
    // The newcomer itself where all others are being answered.
    const [oldest] = mine.waiting.keys();
    if (mine.all.size > limits.connections && oldest) end(oldest, mine);
    else makeRoom(mine, limits);
  });

  const check = () => {
    for (const one of sources.values()) makeRoom(one, limits);
    dropStalled(bodies, limits);
  };
  const timer = setInterval(check, limits.checkMs).unref();
  server.once('close', () => clearInterval(timer));

  const listeners = server.listeners('request');
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    const source = sourceOf(socket);
    if (source !== null) sources.get(source)?.waiting.delete(socket);
    if (hasBody(request)) watchBody(request, response);
    if (options.answer?.(request, response)) return;
    for (const listener of listeners) Reflect.apply(listener, server, [request, response]);
  });

  // An upgraded connection passes all of this, and nothing limits how long it stays. Next.js listens for upgrades, which
  // its development server alone uses. Without a listener Node takes such a request for any other.
  server.on('newListener', (event) => {
    if (event === 'upgrade') process.nextTick(() => server.removeAllListeners('upgrade'));
  });

  function watchBody(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const body: Body = {
      request,
      source: requestSourceOf(request),
      bytesBefore: socket.bytesRead,
      since: performance.now(),
    };
    bodies.add(body);
    request.once('close', () => bodies.delete(body));
    response.once('finish', () => {
      bodies.delete(body);
      if (!request.complete) setTimeout(() => request.complete || socket.destroy(), limits.discardMs).unref();
    });
    const others = [...bodies].filter((one) => one !== body && one.source === body.source && !one.request.complete);
    if (others.length < limits.bodies) return;
    // Of equals the oldest.
    const [slowest] = others.sort((a, b) => rateOf(a) - rateOf(b));
    slowest?.request.socket.destroy();
  }

  return server;
}

/** Those that came in one burst are let be for a moment: their requests are on the way. */
function makeRoom(mine: Connections, limits: GuardLimits): void {
  const now = performance.now();
  let surplus = mine.waiting.size - limits.waiting;
  for (const [socket, since] of mine.waiting) {
    if (surplus-- <= 0 || now - since < limits.firstMs) return;
    end(socket, mine);
  }
}

/** Its `close` comes later, and it must not be chosen again until then. */
function end(socket: Socket, { all, waiting }: Connections): void {
  all.delete(socket);
  waiting.delete(socket);
  socket.destroy();
}

function dropStalled(bodies: Set<Body>, { bodyGraceMs, bodyBytesPerSecond }: GuardLimits): void {
  const now = performance.now();
  for (const body of bodies) {
    const { request, since } = body;
    if (request.complete) bodies.delete(body);
    // What has arrived waits to be read: it is this side that is slow.
    else if (request.readableLength > 0) body.since = now;
    else if (now - since > bodyGraceMs && rateOf(body) < bodyBytesPerSecond) request.socket.destroy();
  }
}

/** Bytes per second, of what arrived since the headers. */
function rateOf({ request, since, bytesBefore }: Body): number {
  return (1000 * (request.socket.bytesRead - bytesBefore)) / Math.max(1000, performance.now() - since);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
