import { NextRequest } from 'next/server';
import { afterEach, expect, it, vi } from 'vitest';
import { cookieValue } from './access.ts';
import { TOKEN_RULES } from './token-limit.ts';

const TOKEN = 'correct-horse-battery';
const COOKIE = 'contigua_access_3000';
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
  const cookie = `${COOKIE}=${cookieValue({ token: TOKEN, secret: '' })}`;
  expect((await proxied('/runs/7', { cookie }, TOKEN)).status).toBe(200);
  const given = await proxied(`/runs/7?token=${TOKEN}`, {}, TOKEN);
  const { pathname, searchParams } = new URL(given.headers.get('location') ?? '');
  expect([pathname, searchParams.get('token')]).toEqual(['/api/login', TOKEN]);
});

it('counts wrong bearers and cookies of a document like those of the API, and passes the right one after its turn', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  const statuses = await Promise.all(
    Array.from({ length: TOKEN_RULES.burst + 5 }, async (_, i) => {
      const headers: Record<string, string> =
        i % 2 === 0 ? { authorization: `Bearer guess-${i}` } : { cookie: `${COOKIE}=guess-${i}` };
      return (await proxied('/', headers, TOKEN)).status;
    }),
  );
  expect(statuses[0]).toBe(307);
  expect(statuses.at(-1)).toBe(429);
  expect((await proxied('/', { authorization: `Bearer ${TOKEN}` }, TOKEN)).status).toBe(200);
  vi.mocked(console.error).mockRestore();
});

it.each(['/.//evil.example', '//evil.example', '/\\evil.example'])(
  'leads back from the form to no %j',
  async (path) => {
    const location = (await proxied(path, {}, TOKEN)).headers.get('location') ?? '';
    expect(new URL(location).searchParams.get('to')).toBe('/');
  },
);

it('has no image optimizer', async () => {
  expect((await proxied('/_next/image?url=%2Fapi%2Ftrpc%2Fruns.list&w=64&q=75')).status).toBe(404);
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
