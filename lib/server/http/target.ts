/** The address that a request asks for, as the first line of the request has it; what cannot be one is refused with 400. */
import type { IncomingMessage } from 'node:http';
import { ContiguaError } from '../../core/errors.ts';

/** Null where path and `Host` can be read, else what is wrong with them. */
export function whyNoTarget(request: Pick<IncomingMessage, 'url' | 'rawHeaders'>): ContiguaError | null {
  const target = request.url ?? '';
  // Only proxies are asked for whole addresses.
  if (!target.startsWith('/')) return refused('The address is not a path', target);
  const path = decoded(target.split(/[?#]/, 1)[0] ?? '');
  if (path === null) return refused('The address has a % that stands for no character', target);
  if (/\p{Cc}/u.test(path)) return refused('The address has a control character', target);
  // Node itself takes the first of several, and others the last.
  const hosts = request.rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host').length;
  return hosts === 1 ? null : refused('The request must have exactly one Host header', `${hosts} Host headers`);
}

/** Not resolved against a base: `//name/path` would become another host's address. */
export function requestTarget(request: Pick<IncomingMessage, 'url'>): URL {
  return new URL(`http://host${request.url ?? '/'}`);
}

function decoded(path: string): string | null {
  try {
    return decodeURIComponent(path);
  } catch {
    return null;
  }
}

function refused(summary: string, found: string): ContiguaError {
  return new ContiguaError('usage', summary, { found });
}
