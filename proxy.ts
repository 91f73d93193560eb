/**
 * Gives every document a content security policy with a fresh nonce: only this build's scripts run, nothing is sent to
 * or read from another host, and no page may frame this one. Where the server asks for a token, requests without it are
 * redirected to the form for it. Static files are not documents and hold nothing of the user's; requests to the job host,
 * which judges them itself, are left out too, since what is sent through here is buffered. Downloads alone are led to it
 * from here, not through a route: of a route's answer Next drops the length, and with it the browser's progress bar.
 */
import { type NextRequest, NextResponse } from 'next/server';
import { accessPolicy, isSafe, type RequestFacts, shownToken, whyNotOurs } from './lib/server/http/access.ts';
import { HOST_HEADER, hostAddress, SECRET_HEADER } from './lib/server/http/host-address.ts';
import { pagePath } from './lib/server/http/page-path.ts';
import { SOURCE_HEADER, sourceFrom } from './lib/server/http/source.ts';
import { TokenLimit } from './lib/server/http/token-limit.ts';

const policy = accessPolicy(process.env);
const jobHost = hostAddress(process.env);
const tokens = new TokenLimit((line) => console.error(line));
const API = '/api';

export async function proxy(request: NextRequest): Promise<NextResponse> {
  if (request.nextUrl.pathname.startsWith(`${API}/`)) return download(request);
  if (request.nextUrl.pathname.startsWith('/_next/image')) return refused(404, 'There is no image optimizer');
  const facts = { method: request.method, header: (name: string) => request.headers.get(name) };
  const refusal = whyNotOurs(facts, policy);
  if (refusal) return refused(403, refusal.message);
  const { nextUrl } = request;
  if (policy.token !== null) {
    const token = nextUrl.searchParams.get('token');
    const waitSeconds = token === null ? await secondsToWait(facts) : null;
    if (waitSeconds !== null && waitSeconds > 0) {
      const answer = refused(429, `Too many wrong tokens. Try again in ${waitSeconds} s.`);
      answer.headers.set('Retry-After', String(waitSeconds));
      return answer;
    }
    if (waitSeconds === null) {
      const login = new URL('/api/login', request.url);
      if (token !== null) login.searchParams.set('token', token);
      login.searchParams.set('to', pagePath(`${nextUrl.pathname}${nextUrl.search}`));
      return NextResponse.redirect(login);
    }
  }
  const nonce = btoa(crypto.randomUUID());
  const contentPolicy = policyWith(nonce, process.env.NODE_ENV === 'development');
  // Next reads the nonce for its own scripts from the request's header.
  const headers = new Headers(request.headers);
  for (const name of [SOURCE_HEADER, SECRET_HEADER]) headers.delete(name);
  headers.set('Content-Security-Policy', contentPolicy);
  const response = NextResponse.next({ request: { headers } });
  response.headers.set('Content-Security-Policy', contentPolicy);
  return response;
}

/** 0 with the right token, null without it, else how long no other may be shown. */
async function secondsToWait(facts: RequestFacts): Promise<number | null> {
  const shown = shownToken(facts, policy);
  if (!shown) return null;
  if (shown.isVouched) return 0;
  const source = sourceFrom(facts.header(SOURCE_HEADER), policy.secret);
  const verdict = await tokens.judge({ source, ...shown });
  if (verdict.is === 'right') return 0;
  return verdict.is === 'wrong' ? null : verdict.seconds;
}

function refused(status: number, message: string): NextResponse {
  return new NextResponse(message, { status, headers: { 'Content-Type': 'text/plain' } });
}

/** The host judges it by the headers that the browser sent; `Host` becomes the host's own on the way. */
function download(request: NextRequest): NextResponse {
  if (!jobHost || !isSafe(request.method)) return NextResponse.next();
  const { pathname, search } = request.nextUrl;
  const headers = new Headers(request.headers);
  headers.delete('accept-encoding');
  headers.set(SECRET_HEADER, jobHost.secret);
  headers.set(HOST_HEADER, request.headers.get('host') ?? '');
  return NextResponse.rewrite(new URL(`${pathname.slice(API.length)}${search}`, jobHost.url), { request: { headers } });
}

export const config = {
  matcher: [
    { source: '/api/files/runs/:path*' },
    { source: '/((?!api/|_next/static|engines/|models/|schema/|favicon.ico|icon.svg).*)' },
  ],
};

function policyWith(nonce: string, development: boolean): string {
  return [
    "default-src 'self'",
    `script-src 'self' 'nonce-${nonce}' 'strict-dynamic' 'wasm-unsafe-eval'${development ? " 'unsafe-eval'" : ''}`,
    // Attributes: React renders positions into them. Elements: the development server injects some without a nonce.
    development ? "style-src 'self' 'unsafe-inline'" : `style-src 'self' 'nonce-${nonce}'`,
    "style-src-attr 'unsafe-inline'",
    "img-src 'self' blob: data:",
    "font-src 'self'",
    `connect-src 'self'${development ? ' ws:' : ''}`,
    "worker-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
