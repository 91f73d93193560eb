/**
 * The job host's door: HTTP on loopback, for the web process alone, which shows a secret with every request it passes on
 * (lib/server/http/forward.ts) and leaves the headers as the browser sent them, so that all requests are judged here.
 * `/trpc/*` are procedures, `/files/*` downloads and uploads, `/login` turns the token into a cookie.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { nodeHTTPRequestHandler } from '@trpc/server/adapters/node-http';
import { asContiguaError, ContiguaError } from '../../core/errors.ts';
import { elided } from '../../core/printable.ts';
import type { Backend } from '../backend.ts';
import { appRouter, SUBSCRIPTIONS } from '../routers/index.ts';
import {
  type AccessPolicy,
  isSafe,
  notAuthorized,
  type RequestFacts,
  shownToken,
  whyCrossSite,
  whyNotOurs,
} from './access.ts';
import { SAFE_HEADERS, send, sendError } from './answers.ts';
import { guardServer } from './guard-server.ts';
import { HOST_HEADER, SECRET_HEADER } from './host-address.ts';
import { login } from './login.ts';
import { OpenLimit, RateLimit } from './rate-limit.ts';
import { sameSecret } from './secrets.ts';
import { SOURCE_HEADER, sourceFrom } from './source.ts';
import { requestTarget, whyNoTarget } from './target.ts';
import { TokenLimit, type TokenRules } from './token-limit.ts';

/** Answers what lies under `/files/`; rejects with a ContiguaError. */
export type FileRoutes = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void>;

export interface ApiOptions {
  readonly backend: Backend;
  readonly files: FileRoutes;
  readonly policy: AccessPolicy;
  /** What the web process shows; a request without it is somebody else's. */
  readonly secret: string;
  /** One line per request, without addresses' queries. */
  readonly log?: (line: string) => void;
  /** What went wrong in here, for the host's own output. */
  readonly report?: (thrown: unknown) => void;
  /** Hears of each wrong token, whatever `log` is for. */
  readonly warn?: (line: string) => void;
  readonly limits?: Partial<ApiLimits>;
}

export interface ApiLimits {
  readonly bodyBytes: number;
  readonly batch: number;
  /** Requests of one address: at once, and per second for ever. */
  readonly burst: number;
  readonly perSecond: number;
  /** Event streams and downloads of one address, and of all. */
  readonly streams: number;
  readonly allStreams: number;
  readonly tokens?: TokenRules;
}

const LIMITS: ApiLimits = { bodyBytes: 2 ** 20, batch: 20, burst: 200, perSecond: 20, streams: 16, allStreams: 128 };
const DISCARD_MS = 2_000;

export function createApiServer(options: ApiOptions): Server {
  const limits = { ...LIMITS, ...options.limits };
  const requests = new RateLimit(limits.burst, limits.perSecond);
  const tokens = new TokenLimit(options.warn ?? (() => {}), limits.tokens);
  const streams = new OpenLimit(limits.streams, limits.allStreams);
  const { policy, secret, log, report } = options;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const shown = request.headers[SECRET_HEADER];
    if (typeof shown !== 'string' || !sameSecret(shown, secret)) throw notAuthorized();
    const unread = whyNoTarget(request);
    if (unread) throw unread;
    const url = requestTarget(request);
    if (url.pathname === '/health') return send(response, 200, 'application/json', '{"ready":true}');

    const header = (name: string) =>
      (name === 'host' ? headerOf(request, HOST_HEADER) : null) ?? headerOf(request, name);
    const facts = { method: request.method ?? 'GET', header };
    const caller = sourceFrom(header(SOURCE_HEADER), secret);
    wait(requests.take(caller), response);
    const isLogin = url.pathname === '/login';
    // A link from anywhere may lead to the form; what it holds may be sent from the form alone.
    const foreign = whyNotOurs(facts, policy) ?? (isLogin && isSafe(facts.method) ? null : whyCrossSite(facts));
    if (foreign) throw foreign;
    if (!isSafe(facts.method) && facts.method !== 'POST') throw notAllowed(facts.method, response);
    if (isLogin) return await login(request, response, url, { policy, tokens, facts, source: caller });
    if (policy.token !== null) await assertToken(facts, caller, response);
    for (const [name, value] of Object.entries(SAFE_HEADERS)) response.setHeader(name, value);

    const isFiles = url.pathname.startsWith('/files/');
    if (isFiles || isSubscription(url.pathname)) {
      const leave = streams.enter(caller);
      if (!leave) throw new ContiguaError('too-many', 'Too many downloads or followed runs are open at once');
      response.once('close', leave);
    }
    if (isFiles) return await options.files(request, response, url);
    if (url.pathname.startsWith('/trpc/')) return await callProcedure(request, response, url);
    throw new ContiguaError('artifact-missing', 'There is nothing at this address', {
      file: elided(url.pathname, 200),
    });
  }

  async function assertToken(facts: RequestFacts, source: string, response: ServerResponse): Promise<void> {
    const shown = shownToken(facts, policy);
    if (!shown) throw notAuthorized();
    if (shown.isVouched) return;
    const verdict = await tokens.judge({ source, ...shown });
    if (verdict.is === 'right') return;
    if (verdict.is === 'too-many') wait(verdict.seconds, response);
    throw notAuthorized();
  }

  async function callProcedure(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    // Forms of other pages can post text and form data without asking; JSON they cannot.
    if (request.method === 'POST' && !/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
      throw new ContiguaError('usage', 'Procedures take JSON', {
        found: request.headers['content-type'] ?? 'no Content-Type',
        expected: 'application/json',
      });
    }
    if (Number(request.headers['content-length'] ?? 0) > limits.bodyBytes) throw tooLarge(limits.bodyBytes);
    await nodeHTTPRequestHandler({
      router: appRouter,
      req: request,
      res: response,
      path: decodeURIComponent(url.pathname.slice('/trpc/'.length)),
      maxBodySize: limits.bodyBytes,
      maxBatchSize: limits.batch,
      createContext: () => ({ backend: options.backend }),
      onError: ({ error }) => {
        // What a caller got wrong is the caller's alone to read.
        const mine = error.code === 'INTERNAL_SERVER_ERROR' && !(error.cause instanceof ContiguaError);
        if (mine) report?.(error.cause ?? error);
      },
    });
  }

  const server = createServer((request, response) => {
    const begun = performance.now();
    response.once('close', () => {
      const path = (request.url ?? '').split('?', 1)[0];
      log?.(`${request.method} ${path} ${response.statusCode} ${Math.round(performance.now() - begun)} ms`);
    });
    answer(request, response).catch((thrown: unknown) => {
      // Who went away in the middle is told nothing, and has done nothing wrong.
      if (request.destroyed && !request.complete) return response.destroy();
      if (!(thrown instanceof ContiguaError)) report?.(thrown);
      const error = thrown instanceof ContiguaError ? asContiguaError(thrown) : unspecific();
      sendError(response, error);
      // What is left of a refused body is thrown away for a moment, so that whoever sends it reads the answer.
      if (!request.complete) setTimeout(() => request.destroy(), DISCARD_MS).unref();
    });
  });
  // Its requests all come from the web process, which has counted whom they are from.
  const unlimited = Number.POSITIVE_INFINITY;
  return guardServer(server, { connections: unlimited, waiting: unlimited, bodies: unlimited });
}

function tooLarge(bytes: number): ContiguaError {
  return new ContiguaError('too-large', 'The request is too large', { expected: `at most ${bytes} bytes` });
}

function unspecific(): ContiguaError {
  return new ContiguaError('internal', 'The server failed to handle the request', {
    hint: 'See the job host’s log for details.',
  });
}

function notAllowed(method: string, response: ServerResponse): ContiguaError {
  response.setHeader('Allow', 'GET, HEAD, POST');
  return new ContiguaError('method-unknown', 'The request method is not supported', {
    found: method,
    expected: 'GET, HEAD or POST',
  });
}

function wait(seconds: number, response: ServerResponse): void {
  if (seconds === 0) return;
  response.setHeader('Retry-After', String(seconds));
  throw new ContiguaError('too-many', 'Too many requests from this address', {
    hint: `Wait ${seconds} second${seconds === 1 ? '' : 's'}.`,
  });
}

function isSubscription(pathname: string): boolean {
  return pathname
    .slice('/trpc/'.length)
    .split(',')
    .some((name) => SUBSCRIPTIONS.has(decodeURIComponent(name)));
}
function headerOf(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : (value ?? null);
}
