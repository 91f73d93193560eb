import { NextRequest } from 'next/server';
import { afterEach, expect, it, vi } from 'vitest';
import { COOKIE, cookieValue } from './access.ts';

const TOKEN = 'correct-horse-battery';
afterEach(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
});

async function proxied(path: string, headers: Readonly<Record<string, string>> = {}, token = '') {
  vi.stubEnv('CONTIGUA_TOKEN', token);
  vi.stubEnv('CONTIGUA_HOST', '');
  const { proxy } = await import('../../../proxy.ts');
  return proxy(new NextRequest(`http://localhost:3000${path}`, { headers: { host: 'localhost:3000', ...headers } }));
}

it('gives a document its policy, with a nonce of its own', async () => {
  const policies = [await proxied('/'), await proxied('/')].map((one) => one.headers.get('content-security-policy'));
  expect(policies[0]).toMatch(/script-src 'self' 'nonce-[^']+' 'strict-dynamic'/);
  expect(policies[0]).not.toContain(" 'unsafe-eval'");
  expect(policies[0]).not.toBe(policies[1]);
});

it('gives no document under a foreign name', async () => {
  expect((await proxied('/runs/7', { host: 'evil.example' })).status).toBe(403);
});

it('leads to the form who has not shown the token, and back to where they were going', async () => {
  const shown: Record<string, string>[] = [{}, { cookie: `${COOKIE}=${TOKEN}` }, { authorization: 'Bearer wrong' }];
  for (const headers of shown) {
    const reply = await proxied('/runs/7?compare=8', headers, TOKEN);
    expect(reply.status).toBe(307);
    expect(reply.headers.get('location')).toBe('http://localhost:3000/api/login?to=%2Fruns%2F7%3Fcompare%3D8');
  }
});

it('lets in who has, and takes a token in the address to the login', async () => {
  const cookie = `${COOKIE}=${cookieValue(TOKEN)}`;
  expect((await proxied('/runs/7', { cookie }, TOKEN)).status).toBe(200);
  const given = await proxied(`/runs/7?token=${TOKEN}`, {}, TOKEN);
  const { pathname, searchParams } = new URL(given.headers.get('location') ?? '');
  expect([pathname, searchParams.get('token')]).toEqual(['/api/login', TOKEN]);
});

it('leads downloads to the job host with what the browser sent, and its own secret alone', async () => {
  vi.stubEnv('CONTIGUA_JOB_HOST', 'http://127.0.0.1:4000');
  vi.stubEnv('CONTIGUA_JOB_SECRET', 'between-us');
  const headers = {
    range: 'bytes=5-',
    'x-contigua-secret': 'guessed',
    'x-contigua-host': 'localhost',
    host: 'evil.example',
  };
  const reply = await proxied('/api/files/runs/7/model.zip?plugged=3-4', headers);
  expect(reply.headers.get('x-middleware-rewrite')).toBe('http://127.0.0.1:4000/files/runs/7/model.zip?plugged=3-4');
  const sent = (name: string) => reply.headers.get(`x-middleware-request-${name}`);
  expect(['range', 'x-contigua-secret', 'x-contigua-host'].map(sent)).toEqual([
    'bytes=5-',
    'between-us',
    'evil.example',
  ]);
});
