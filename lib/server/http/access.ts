/**
 * Who may ask, decided from a request's headers alone, so that the web process and the job host decide alike. The page
 * is on this machine's loopback unless told otherwise, and even there a browser can be tricked into asking: by a foreign
 * page (its `Origin` differs) or a foreign name that resolves to 127.0.0.1 (its `Host` differs). Any other address needs
 * a token, which a browser shows once and then keeps as a cookie.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import { ContiguaError } from '../../core/errors.ts';

export interface AccessPolicy {
  /** Null where only this machine can connect. */
  readonly token: string | null;
  readonly loopback: boolean;
  /** Names, in lower case, that the server goes by besides its addresses. */
  readonly names: ReadonlySet<string>;
}

export interface RequestFacts {
  readonly method: string;
  header(name: string): string | null;
}

export const COOKIE = 'contigua_access';
const MIN_TOKEN = 16;

/** From CONTIGUA_HOST (address to listen on), CONTIGUA_TOKEN and CONTIGUA_ALLOWED_HOSTS (names, separated by commas). */
export function accessPolicy(env: Readonly<Record<string, string | undefined>>): AccessPolicy {
  const address = env.CONTIGUA_HOST || '127.0.0.1';
  const loopback = isLoopback(bare(address));
  const token = env.CONTIGUA_TOKEN || null;
  if (!loopback && token === null) {
    throw new ContiguaError('unauthorized', `Listening on ${address} lets other machines in`, {
      found: 'no token',
      expected: `CONTIGUA_TOKEN of ${MIN_TOKEN} characters or more`,
      hint: 'Set one, for example to the output of `openssl rand -hex 16`, or leave the address away.',
    });
  }
  if (token !== null && token.length < MIN_TOKEN) {
    throw new ContiguaError('settings-invalid', 'The token can be guessed', {
      file: 'CONTIGUA_TOKEN',
      found: `${token.length} characters`,
      expected: `${MIN_TOKEN} or more`,
    });
  }
  const listed = (env.CONTIGUA_ALLOWED_HOSTS ?? '').split(',').map((name) => name.trim().toLowerCase());
  return { token, loopback, names: new Set([...listed, bare(address)].filter((name) => name !== '')) };
}

/** Null where the request came to one of this server's names, else why it is not answered at all. */
export function whyNotOurs(request: RequestFacts, policy: AccessPolicy): ContiguaError | null {
  const host = hostOf(request.header('host'));
  if (host !== null && isOurs(host.hostname, policy)) return null;
  return new ContiguaError('path-forbidden', 'This server does not go by that name', {
    found: request.header('host')?.slice(0, 100) ?? 'no Host',
    expected: policy.loopback ? 'localhost or 127.0.0.1' : 'its address, or a name in CONTIGUA_ALLOWED_HOSTS',
    hint: 'Name it in CONTIGUA_ALLOWED_HOSTS if it is yours.',
  });
}

/** Null where no other site's page had a browser ask. Programs that are no browsers send neither header. */
export function whyCrossSite(request: RequestFacts): ContiguaError | null {
  const host = hostOf(request.header('host'))?.host;
  const origin = request.header('origin');
  const site = request.header('sec-fetch-site');
  const sameOrigin = origin === null || hostOf(origin.replace(/^https?:\/\//, ''))?.host === host;
  // An address that the user typed has `none`; nothing is changed by one.
  const sameSite = site === null || site === 'same-origin' || (site === 'none' && isSafe(request.method));
  if (sameOrigin && sameSite) return null;
  return new ContiguaError('path-forbidden', 'Only this server’s own page may ask for this', {
    found: origin ?? `Sec-Fetch-Site: ${site}`,
    expected: host,
  });
}

/** Shown as `Authorization: Bearer …` by programs, as a cookie by the page. */
export function isAuthorized(request: RequestFacts, { token }: AccessPolicy): boolean {
  if (token === null) return true;
  const [, bearer] = /^Bearer +(\S+)$/i.exec(request.header('authorization') ?? '') ?? [];
  if (bearer !== undefined) return sameSecret(bearer, token);
  const cookie = cookieOf(request.header('cookie') ?? '');
  return cookie !== null && sameSecret(cookie, cookieValue(token));
}

/** Not the token itself: a cookie that leaks opens this page, and says nothing to who uses the token elsewhere. */
export function cookieValue(token: string): string {
  return createHash('sha256').update(`contigua cookie\n${token}`).digest('base64url');
}

/** Takes as long whatever the difference is. */
export function sameSecret(shown: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(shown), digest(expected));
}

export function notAuthorized(): ContiguaError {
  return new ContiguaError('unauthorized', 'This server asks for its token', {
    expected: 'the token that it was started with (CONTIGUA_TOKEN)',
    hint: 'Open the page and log in, or send `Authorization: Bearer …`.',
  });
}

export function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

function isOurs(hostname: string, { loopback, names }: AccessPolicy): boolean {
  const name = bare(hostname);
  // An address cannot be made to resolve to another one, so beyond loopback any is fine.
  return isLoopback(name) || names.has(name) || (!loopback && isIP(name) !== 0);
}

function isLoopback(name: string): boolean {
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}

/** IPv6 addresses stand in brackets in a URL, and without them everywhere else. */
function bare(hostname: string): string {
  return hostname.toLowerCase().replace(/^\[(.*)\]$/, '$1');
}

function hostOf(host: string | null): URL | null {
  if (host === null || !/^[\w.:[\]-]+$/.test(host)) return null;
  return parsed(`http://${host}`);
}

function parsed(url: string): URL | null {
  try {
    return new URL(url);
  } catch {
    return null;
  }
}

function cookieOf(header: string): string | null {
  for (const pair of header.split(';')) {
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === COOKIE) return pair.slice(at + 1).trim();
  }
  return null;
}
