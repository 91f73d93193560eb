/**
 * Who may ask, decided from a request's headers alone, so that the web process and the job host decide alike. The page
 * is on this machine's loopback unless told otherwise, and even there a browser can be tricked into asking: by a foreign
 * page (its `Origin` differs) or a foreign name that resolves to 127.0.0.1 (its `Host` differs). Any other address needs
 * a token, which a browser shows once and then keeps as a cookie. How often a wrong one may be shown is in token-limit.ts.
 */
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { ContiguaError } from '../../core/errors.ts';
import { elided } from '../../core/printable.ts';
import { keyedDigest, sameSecret } from './secrets.ts';
import type { Attempt } from './token-limit.ts';

export interface AccessPolicy {
  /** Null where only this machine can connect. */
  readonly token: string | null;
  readonly loopback: boolean;
  /** Host names of the server, in lower case, besides its addresses. */
  readonly names: ReadonlySet<string>;
  /** What web process and job host share for the length of one start; empty where the page runs alone. */
  readonly secret: string;
}

export interface RequestFacts {
  readonly method: string;
  header(name: string): string | null;
}

const MIN_TOKEN = 16;

/** From CONTIGUA_HOST (address to listen on), CONTIGUA_TOKEN and CONTIGUA_ALLOWED_HOSTS (names, separated by commas). */
export function accessPolicy(env: Readonly<Record<string, string | undefined>>): AccessPolicy {
  const address = env.CONTIGUA_HOST || '127.0.0.1';
  const loopback = isLoopback(bare(address));
  const token = env.CONTIGUA_TOKEN || null;
  if (!loopback && token === null) {
    throw new ContiguaError('unauthorized', `Listening on ${address} lets other machines connect`, {
      found: 'no token',
      expected: `CONTIGUA_TOKEN of ${MIN_TOKEN} characters or more`,
      hint: 'Set one, for example to the output of `openssl rand -hex 16`, or leave CONTIGUA_HOST and --host unset to listen on this machine only.',
    });
  }
  if (token !== null && token.length < MIN_TOKEN) {
    throw new ContiguaError('settings-invalid', 'The token is too short', {
      file: 'CONTIGUA_TOKEN',
      found: `${token.length} characters`,
      expected: `${MIN_TOKEN} or more`,
    });
  }
  const listed = (env.CONTIGUA_ALLOWED_HOSTS ?? '').split(',').map((name) => name.trim().toLowerCase());
  const secret = env.CONTIGUA_JOB_SECRET ?? '';
  return { token, loopback, names: new Set([...listed, bare(address)].filter((name) => name !== '')), secret };
}

/** Null where the request came to one of this server's names, else why it is not answered at all. */
export function whyNotOurs(request: RequestFacts, policy: AccessPolicy): ContiguaError | null {
  const host = hostOf(request.header('host'));
  if (host !== null && isOurs(host.hostname, policy)) return null;
  return new ContiguaError('path-forbidden', 'The host name in the request is not one of this server’s names', {
    found: elided(request.header('host') ?? 'no Host', 100),
    expected: policy.loopback ? 'localhost or 127.0.0.1' : 'its address, or a name in CONTIGUA_ALLOWED_HOSTS',
    hint: 'If the name is yours, add it to CONTIGUA_ALLOWED_HOSTS.',
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

/** What a request shows as the token. */
export interface Shown extends Pick<Attempt, 'means' | 'shown' | 'isRight'> {
  /** A cookie that this server made since it was started, which nobody can guess. */
  readonly isVouched: boolean;
}

/** Shown as `Authorization: Bearer …` by programs, as a cookie by the page; null where neither is. */
export function shownToken(request: RequestFacts, { token, secret }: AccessPolicy): Shown | null {
  if (token === null) return null;
  const [, bearer] = /^Bearer +(\S+)$/i.exec(request.header('authorization') ?? '') ?? [];
  if (bearer !== undefined) {
    return { means: 'bearer', shown: bearer, isRight: sameSecret(bearer, token), isVouched: false };
  }
  const cookie = cookieOf(request.header('cookie') ?? '', cookieName(request.header('host')));
  if (cookie === null) return null;
  const [key = '', proof = ''] = cookie.split('.');
  const isRight = sameSecret(key, cookieKey(token));
  const isVouched = secret !== '' && sameSecret(proof, keyedDigest(secret, key));
  return { means: 'cookie', shown: cookie, isRight, isVouched: isRight && isVouched };
}

/** Browsers show the cookies of one host to all of its ports, and several instances may run on it. */
export function cookieName(host: string | null): string {
  const port = hostOf(host)?.port ?? '';
  return port === '' ? 'contigua_access' : `contigua_access_${port}`;
}

/**
 * "<key>.<proof>". The key opens the page after a restart too; the proof says that this server made the cookie. The token
 * itself is not in it: a cookie that leaks says nothing to who uses the token elsewhere.
 */
export function cookieValue({ token, secret }: Pick<AccessPolicy, 'secret'> & { readonly token: string }): string {
  const key = cookieKey(token);
  return secret === '' ? key : `${key}.${keyedDigest(secret, key)}`;
}

function cookieKey(token: string): string {
  return createHash('sha256').update(`contigua cookie\n${token}`).digest('base64url');
}

export function notAuthorized(): ContiguaError {
  return new ContiguaError('unauthorized', 'This server requires a token', {
    expected: 'the token it was started with (CONTIGUA_TOKEN)',
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

function cookieOf(header: string, name: string): string | null {
  for (const pair of header.split(';')) {
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return null;
}
