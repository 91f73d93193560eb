/**
 * The token, shown once, becomes a cookie that scripts cannot read and other sites cannot send. By a small form, or by an
 * address with `?token=` as a terminal prints it; the answer then leads on with a page of its own, because a browser
 * that came from another site would not show a strict cookie to a plain redirect.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ContiguaError } from '../../core/errors.ts';
import { type AccessPolicy, COOKIE, cookieValue, sameSecret } from './access.ts';
import { SAFE_HEADERS } from './answers.ts';
import type { RateLimit } from './rate-limit.ts';

const MAX_FORM_BYTES = 4096;
const COOKIE_SECONDS = 30 * 24 * 3600;

export async function login(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  { policy, guesses }: { readonly policy: AccessPolicy; readonly guesses: RateLimit },
): Promise<void> {
  const given = request.method === 'POST' ? await readForm(request) : url.searchParams;
  const to = localPath(given.get('to'));
  const shown = given.get('token');
  if (policy.token === null) return sendPage(response, 200, goOn(to));
  if (shown === null) return sendPage(response, 401, form(to, ''));
  if (guesses.take('') > 0) return sendPage(response, 429, form(to, 'Too many wrong tokens. Wait a minute.'));
  if (!sameSecret(shown, policy.token)) return sendPage(response, 401, form(to, 'That is not the token.'));
  const https = request.headers['x-forwarded-proto'] === 'https' ? '; Secure' : '';
  response.setHeader(
    'Set-Cookie',
    `${COOKIE}=${cookieValue(policy.token)}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${COOKIE_SECONDS}${https}`,
  );
  sendPage(response, 200, goOn(to));
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of request) {
    if (!(part instanceof Uint8Array)) continue;
    size += part.byteLength;
    if (size > MAX_FORM_BYTES) {
      throw new ContiguaError('too-large', 'The form is too large', { expected: `at most ${MAX_FORM_BYTES} bytes` });
    }
    parts.push(part);
  }
  return new URLSearchParams(Buffer.concat(parts).toString('utf8'));
}

/** A path of this server: never `//elsewhere`, nor what a browser would read as that. */
function localPath(to: string | null): string {
  if (to === null || !to.startsWith('/') || /[\\\t\r\n]/.test(to)) return '/';
  const url = new URL(to, 'http://host');
  if (url.host !== 'host') return '/';
  url.searchParams.delete('token');
  return `${url.pathname}${url.search}`;
}

function sendPage(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, {
    ...SAFE_HEADERS,
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy':
      "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  });
  response.end(`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Contigua</title><style>body{font:16px system-ui;max-width:24rem;margin:20vh auto;padding:0 1rem;color-scheme:light dark}
input,button{font:inherit;padding:.4rem .6rem}label{display:block;margin-bottom:.5rem}</style>${body}</html>`);
}

function form(to: string, problem: string): string {
  const alert = problem === '' ? '' : `<p role="alert">${problem}</p>`;
  return `<h1>Contigua</h1>${alert}<form method="post" action="/api/login"><input type="hidden" name="to" value="${attribute(to)}">
<label for="token">Token that the server was started with</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus> <button>Log in</button></form>`;
}

function goOn(to: string): string {
  return `<meta http-equiv="refresh" content="0;url=${attribute(to)}"><p><a href="${attribute(to)}">Go on</a></p>`;
}

function attribute(text: string): string {
  return text.replace(/[&"'<>]/g, (character) => `&#${character.charCodeAt(0)};`);
}
