/**
 * Guards the HTTP server that `next start` creates: Next.js has no option for its limits, and some requests do not reach
 * the proxy or fail in its adapters. Call `guardNext` before Next.js is loaded; the next server of this process that
 * `http.createServer` makes is guarded. What only a trusted proxy may say is taken off every other request.
 */
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import { ContiguaError } from '../../core/errors.ts';
import { isSafe } from './access.ts';
import { sendError } from './answers.ts';
import { type GuardLimits, guardServer } from './guard-server.ts';
import { HOST_HEADER, SECRET_HEADER } from './host-address.ts';
import { isTrustedProxy, SOURCE_HEADER, sourceAddress, trustedProxies, vouchedSource } from './source.ts';
import { whyNoTarget } from './target.ts';

/** Said by a proxy about its client. */
const OF_PROXIES = [
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-real-ip',
];
/** Said among our own processes. */
const OURS = [SECRET_HEADER, HOST_HEADER, SOURCE_HEADER];
/** Fetches addresses on behalf of whoever asks; no page uses it. */
const IMAGE_OPTIMIZER = /^\/+_next\/+image(\/|$)/;

/** Throws `settings-invalid` where CONTIGUA_TRUSTED_PROXIES cannot be read. */
export function guardNext(env: Readonly<Record<string, string | undefined>>, limits: Partial<GuardLimits> = {}): void {
  const proxies = trustedProxies(env);
  const secret = env.CONTIGUA_JOB_SECRET ?? '';
  const create = http.createServer;
  const requestSourceOf = ({ socket, headers }: IncomingMessage) => {
    const forwarded = headers['x-forwarded-for'];
    return sourceAddress(
      socket.remoteAddress,
      Array.isArray(forwarded) ? forwarded.join() : (forwarded ?? null),
      proxies,
    );
  };

  function answer(request: IncomingMessage, response: ServerResponse): boolean {
    const { headers, socket } = request;
    const source = requestSourceOf(request);
    for (const name of OURS) delete headers[name];
    if (!isTrustedProxy(socket.remoteAddress, proxies)) for (const name of OF_PROXIES) delete headers[name];
    headers['x-forwarded-for'] = source;
    if (secret !== '') headers[SOURCE_HEADER] = vouchedSource(source, secret);
    const refusal = whyRefused(request);
    if (!refusal) return false;
    if (refusal.code === 'method-unknown') response.setHeader('Allow', 'GET, HEAD, POST');
    sendError(response, refusal);
    return true;
  }

  http.createServer = ((...args: Parameters<typeof create>) => {
    http.createServer = create;
    return guardServer(create(...args), {
      ...limits,
      sourceOf: ({ remoteAddress }) =>
        isTrustedProxy(remoteAddress, proxies) ? null : sourceAddress(remoteAddress, null, proxies),
      requestSourceOf,
      answer,
    });
  }) as typeof create;
}

function whyRefused(request: IncomingMessage): ContiguaError | null {
  const { method = 'GET', url = '/', headers } = request;
  if (!isSafe(method) && method !== 'POST') {
    return new ContiguaError('method-unknown', 'The request method is not supported', {
      found: method,
      expected: 'GET, HEAD or POST',
    });
  }
  const unread = whyNoTarget(request);
  if (unread) return unread;
  if (!headers.host) return new ContiguaError('usage', 'The request names no host', { found: 'an empty Host header' });
  if (IMAGE_OPTIMIZER.test(decodeURIComponent(url.split('?', 1)[0] ?? ''))) {
    return new ContiguaError('artifact-missing', 'There is no image optimizer');
  }
  return null;
}
