/**
 * The token, shown once, becomes a cookie that scripts cannot read and other sites cannot send. By a small form, or by an
 * address with `?token=` as a terminal prints it; the answer then leads on with a page of its own, because a browser
 * that came from another site would not show a strict cookie to a plain redirect.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ContiguaError } from '../../core/errors.ts';
import { type AccessPolicy, cookieName, cookieValue, type RequestFacts, whyCrossSite } from './access.ts';
import { SAFE_HEADERS } from './answers.ts';
import { pagePath } from './page-path.ts';
import { sameSecret } from './secrets.ts';
import type { TokenLimit } from './token-limit.ts';

const MAX_FORM_BYTES = 2 ** 16;
const COOKIE_SECONDS = 30 * 24 * 3600;

export interface LoginOptions {
  readonly policy: AccessPolicy;
  readonly tokens: TokenLimit;
  readonly facts: RequestFacts;
  readonly source: string;
}

export async function login(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  { policy: { token, secret }, tokens, facts, source }: LoginOptions,
): Promise<void> {
  const isForm = request.method === 'POST';
  const given = isForm ? await readForm(request) : url.searchParams;
  const to = pagePath(given.get('to'));
  const shown = given.get('token');
  if (token === null) return sendPage(response, 200, goOn(to));
  if (shown === null) return sendPage(response, 401, form(to, ''));
  const foreign = whyCrossSite(facts);
  // A link of another site may lead here. What its page fetches by itself, such as a picture, is nobody's login.
  if (foreign && facts.header('sec-fetch-mode') !== 'navigate') throw foreign;
  const isRight = sameSecret(shown, token);
  const means = isForm ? 'form' : 'address';
  const verdict = await tokens.judge({ source, means, shown, isRight, isForeign: foreign !== null });
  if (verdict.is === 'too-many') {
    response.setHeader('Retry-After', String(verdict.seconds));
    return sendPage(response, 429, form(to, `Too many wrong tokens. Try again in ${verdict.seconds} s.`));
  }
  if (verdict.is === 'wrong') return sendPage(response, 401, form(to, 'That is not the token.'));
  const https = facts.header('x-forwarded-proto') === 'https' ? '; Secure' : '';
  const cookie = `${cookieName(facts.header('host'))}=${cookieValue({ token, secret })}`;
  response.setHeader('Set-Cookie', `${cookie}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${COOKIE_SECONDS}${https}`);
  sendPage(response, 200, goOn(to));
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const parts: Uint8Array[] = [];
  let size = 0;
  // Left open: a destroyed request takes its connection along, and with it the sentence that says why.
  for await (const part of request.iterator({ destroyOnReturn: false })) {
    if (!(part instanceof Uint8Array)) continue;
    size += part.byteLength;
    if (size > MAX_FORM_BYTES) {
      throw new ContiguaError('too-large', 'The form is too large', { expected: `at most ${MAX_FORM_BYTES} bytes` });
    }
    parts.push(part);
  }
  return new URLSearchParams(Buffer.concat(parts).toString('utf8'));
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
