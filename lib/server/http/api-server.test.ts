/** The door, knocked at in every wrong way. */
import type { Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { addressOf, ask, closed, listening, MemoryBackend, type Question, readEvents } from '../testing.ts';
import { accessPolicy, cookieValue } from './access.ts';
import { type ApiOptions, createApiServer } from './api-server.ts';
import { fileRoutes } from './files.ts';

const TOKEN = 'correct-horse-battery';
const BEYOND = { CONTIGUA_HOST: '0.0.0.0', CONTIGUA_TOKEN: TOKEN };
let server: Server | null = null;
const backend = new MemoryBackend();
const lines: string[] = [];
afterEach(async () => {
  if (server) await closed(server);
  server = null;
  backend.calls.length = 0;
  backend.events.length = 0;
  lines.length = 0;
});

async function door(env: Readonly<Record<string, string>> = {}, options: Partial<ApiOptions> = {}) {
  const opened = createApiServer({
    backend,
    files: fileRoutes({ backend, calibrations: null }),
    policy: accessPolicy(env),
    secret: 'between-us',
    log: (line) => lines.push(line),
    ...options,
  });
  server = await listening(opened);
  const knock = (path: string, { headers, ...question }: Question = {}) =>
    ask(opened, path, {
      ...question,
      headers: { 'x-contigua-secret': 'between-us', host: 'localhost:3000', ...headers },
    });
  const pause = (headers: Readonly<Record<string, string>> = {}, body = '{"id":"7"}') =>
    knock('/trpc/runs.pause', { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
  return { server: opened, knock, pause, list: (headers = {}) => knock('/trpc/runs.list', { headers }) };
}
const codeOf = ({ text }: { readonly text: string }): unknown => JSON.parse(text).error.data.contigua.code;

describe('the web process', () => {
  it.each<[string, Record<string, string>]>([
    ['nobody', {}],
    ['somebody with another secret', { 'x-contigua-secret': 'between-them' }],
    ['somebody with part of it', { 'x-contigua-secret': 'between' }],
  ])('is the only one that is answered: %s is not', async (_, headers) => {
    const { server: opened } = await door();
    for (const path of ['/trpc/runs.list', '/files/runs/7/plan.json', '/login', '/health']) {
      const reply = await ask(opened, path, { headers });
      expect([reply.status, codeOf(reply)]).toEqual([401, 'unauthorized']);
    }
    expect(backend.calls).toEqual([]);
  });
});

describe('the name that is asked for', () => {
  it.each(['evil.example', 'localhost.evil.example', '127.0.0.1.nip.io', '10.0.0.5:3000', '[fe80::1]', 'a b'])(
    'is not %j on loopback',
    async (host) => {
      const reply = await (await door()).list({ host });
      expect([reply.status, codeOf(reply)]).toEqual([403, 'path-forbidden']);
      expect(backend.calls).toEqual([]);
    },
  );

  it('is the one that the browser asked for, where the way here replaced it', async () => {
    const { list } = await door();
    expect((await list({ 'x-contigua-host': 'evil.example' })).status).toBe(403);
    expect((await list({ host: 'replaced.example', 'x-contigua-host': 'localhost:3000' })).status).toBe(200);
  });

  it.each(['localhost', 'LOCALHOST:3000', '127.0.0.1:80', '127.1.2.3', '[::1]:3000'])('may be %j', async (host) => {
    expect((await (await door()).list({ host })).status).toBe(200);
  });

  it('may be a name that was allowed, and beyond loopback any address', async () => {
    const named = await door({ CONTIGUA_ALLOWED_HOSTS: 'gpu.lab, other.lab' });
    expect((await named.list({ host: 'gpu.lab:3000' })).status).toBe(200);
    expect((await named.list({ host: 'gpu.lab.evil.example' })).status).toBe(403);
    await closed(named.server);
    const beyond = await door(BEYOND);
    const authorization = `Bearer ${TOKEN}`;
    expect((await beyond.list({ host: '192.168.1.5:3000', authorization })).status).toBe(200);
    expect((await beyond.list({ host: 'evil.example', authorization })).status).toBe(403);
  });
});

describe('another site', () => {
  it.each<[string, Record<string, string>]>([
    ['by its Origin', { origin: 'http://evil.example' }],
    ['from another port of this machine', { origin: 'http://localhost:9999' }],
    ['from a sandboxed frame', { origin: 'null' }],
    ['by Sec-Fetch-Site', { 'sec-fetch-site': 'cross-site' }],
    ['from a sibling of this site', { 'sec-fetch-site': 'same-site' }],
    ['from a typed address, which posts nothing', { 'sec-fetch-site': 'none' }],
  ])('cannot change anything: %s', async (_, headers) => {
    const reply = await (await door()).pause(headers);
    expect([reply.status, codeOf(reply)]).toEqual([403, 'path-forbidden']);
    expect(backend.calls).toEqual([]);
  });

  it('cannot have a browser read either', async () => {
    const { list, knock } = await door();
    expect((await list({ 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await knock('/files/runs/7/plan.json', { headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(403);
    expect(backend.calls).toEqual([]);
  });

  it('cannot post as a form does', async () => {
    const { pause } = await door();
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', '']) {
      const reply = await pause({ 'content-type': type });
      expect([reply.status, codeOf(reply)]).toEqual([400, 'usage']);
    }
    expect(backend.calls).toEqual([]);
  });

  it('is not this page, nor a program', async () => {
    const { pause } = await door();
    const page = { host: 'localhost:3000', origin: 'http://localhost:3000', 'sec-fetch-site': 'same-origin' };
    expect((await pause(page)).status).toBe(200);
    expect((await pause()).status).toBe(200);
    expect(backend.calls).toHaveLength(2);
  });
});

describe('the token', () => {
  it('is asked for beyond loopback, and a short one is refused', () => {
    expect(() => accessPolicy({ CONTIGUA_HOST: '0.0.0.0' })).toThrow(/lets other machines in; found no token/);
    expect(() => accessPolicy({ CONTIGUA_HOST: '::' })).toThrow(/lets other machines in/);
    expect(() => accessPolicy({ CONTIGUA_HOST: '0.0.0.0', CONTIGUA_TOKEN: 'short' })).toThrow(/5 characters/);
    for (const host of ['', '127.0.0.1', 'localhost', '::1']) {
      expect(accessPolicy({ CONTIGUA_HOST: host }).token).toBeNull();
    }
  });

  it.each<[string, Record<string, string>]>([
    ['none', {}],
    ['a wrong one', { authorization: 'Bearer correct-horse-batterz' }],
    ['part of it', { authorization: 'Bearer correct' }],
    ['another scheme', { authorization: `Basic ${TOKEN}` }],
    ['the token itself as a cookie', { cookie: `contigua_access=${TOKEN}` }],
    ['another cookie', { cookie: `other=${cookieValue(TOKEN)}` }],
    [
      'a wrong one, and a right cookie',
      { authorization: 'Bearer wrong', cookie: `contigua_access=${cookieValue(TOKEN)}` },
    ],
  ])('opens nothing when %s is shown', async (_, headers) => {
    const { list, pause, knock } = await door(BEYOND);
    for (const reply of [
      await list(headers),
      await pause(headers),
      await knock('/files/runs/7/plan.json', { headers }),
    ]) {
      expect([reply.status, codeOf(reply)]).toEqual([401, 'unauthorized']);
      expect(reply.text).not.toContain(TOKEN);
    }
    expect(backend.calls).toEqual([]);
  });

  it('opens as a bearer and as its cookie', async () => {
    const { list } = await door(BEYOND);
    expect((await list({ authorization: `Bearer ${TOKEN}` })).status).toBe(200);
    expect((await list({ cookie: `theme=dark; contigua_access=${cookieValue(TOKEN)}` })).status).toBe(200);
  });

  it('becomes a strict cookie by the form or by an address, and leads on to a place of this server alone', async () => {
    const { knock } = await door(BEYOND);
    const asked = await knock('/login?to=%2Fruns%2F7%3Fa%3D%22%3E%3Cscript%3E');
    expect(asked.status).toBe(401);
    expect(asked.text).toContain('<form method="post"');
    expect(asked.text).not.toContain('<script>');
    const form = { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' } };
    const wrong = await knock('/login', { ...form, body: 'token=wrong&to=/runs' });
    expect([wrong.status, wrong.headers['set-cookie']]).toEqual([401, undefined]);
    for (const right of [
      await knock('/login', { ...form, body: `token=${TOKEN}&to=/runs/7` }),
      await knock(`/login?token=${TOKEN}&to=${encodeURIComponent(`/runs/7?token=${TOKEN}`)}`, {
        headers: { 'sec-fetch-site': 'cross-site' },
      }),
    ]) {
      expect(right.status).toBe(200);
      const [cookie = ''] = right.headers['set-cookie'] ?? [];
      expect(cookie).toMatch(/^contigua_access=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/);
      expect(right.text).toContain('url=/runs/7"');
      expect(right.text + cookie).not.toContain(TOKEN);
    }
    for (const to of ['//evil.example', '/\\evil.example', 'https://evil.example', '/\t/evil.example']) {
      const led = await knock(`/login?token=${TOKEN}&to=${encodeURIComponent(to)}`);
      expect(led.text).toContain('url=/"');
    }
    const foreign = await knock('/login', { ...form, headers: { ...form.headers, origin: 'http://evil.example' } });
    expect(foreign.status).toBe(403);
    expect(lines.join('\n')).not.toContain(TOKEN);
  });

  it('cannot be tried without end, whatever address the tries claim', async () => {
    const { list, knock } = await door(BEYOND);
    const statuses = [];
    for (let i = 0; i < 30; i++) {
      const headers = { authorization: `Bearer guess-${i}`, 'x-forwarded-for': `10.0.0.${i}` };
      statuses.push((await list(headers)).status);
    }
    expect(statuses.slice(0, 10)).toEqual(new Array(10).fill(401));
    expect(statuses.at(-1)).toBe(429);
    expect((await knock(`/login?token=${TOKEN}x`)).status).toBe(429);
    // Who has the token is not kept out by who guesses.
    expect((await list({ authorization: `Bearer ${TOKEN}` })).status).toBe(200);
  });
});

describe('too much', () => {
  it('of a body is refused, declared or not, and its sender reads why', async () => {
    const { pause, knock } = await door({}, { limits: { bodyBytes: 1000 } });
    const declared = await pause({}, JSON.stringify({ id: 'x'.repeat(5000) }));
    expect([declared.status, codeOf(declared)]).toEqual([413, 'too-large']);
    const streamed = await knock('/trpc/runs.pause', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
      body: JSON.stringify({ id: 'x'.repeat(5000) }),
    });
    expect([streamed.status, codeOf(streamed)]).toEqual([413, 'too-large']);
    expect(backend.calls).toEqual([]);
  });

  it('in one batch is refused', async () => {
    const { knock } = await door({}, { limits: { batch: 3 } });
    const batch = (count: number) => `/trpc/${new Array(count).fill('runs.list').join(',')}?batch=1&input=%7B%7D`;
    expect((await knock(batch(3))).status).toBe(200);
    backend.calls.length = 0;
    const reply = await knock(batch(4));
    expect(reply.status).toBe(400);
    expect(backend.calls).toEqual([]);
  });

  it('from one address is refused for a while, and others are served', async () => {
    const { list } = await door({}, { limits: { burst: 5, perSecond: 0.01 } });
    const from = (address: string) => list({ 'x-forwarded-for': address });
    const statuses = [];
    for (let i = 0; i < 7; i++) statuses.push((await from('10.0.0.1')).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429]);
    const refused = await from('10.0.0.1');
    expect(codeOf(refused)).toBe('too-many');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(1);
    expect((await from('10.0.0.2')).status).toBe(200);
  });

  it('followed at once is refused until a stream ends', async () => {
    const { server: opened, knock } = await door({}, { limits: { streams: 2 } });
    backend.say({ type: 'run', state: 'running' });
    const input = encodeURIComponent('{"id":"7"}');
    const url = `${addressOf(opened)}/trpc/runs.follow?input=${input}`;
    const secret = { 'x-contigua-secret': 'between-us' };
    let leave = false;
    const open = [1, 2].map(() => readEvents(url, secret, () => leave));
    await expect.poll(() => backend.followers).toBe(2);
    const third = await knock(`/trpc/runs.follow?input=${input}`, { headers: { accept: 'text/event-stream' } });
    expect([third.status, codeOf(third)]).toEqual([429, 'too-many']);
    leave = true;
    backend.say({ type: 'run', state: 'done' });
    await Promise.all(open);
    await expect.poll(() => backend.followers).toBe(0);
    const events = await readEvents(url, secret, (seen) => seen.some(({ id }) => id === '1'));
    expect(events.some(({ id }) => id === '1')).toBe(true);
  });
});

describe('every answer', () => {
  it('tells browsers to keep, sniff, frame and share nothing', async () => {
    const { list, knock } = await door();
    for (const reply of [
      await list(),
      await list({ host: 'evil.example' }),
      await knock('/files/runs/7/plan.json'),
      await knock('/nothing'),
    ]) {
      expect(reply.headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store, no-transform',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
        'cross-origin-resource-policy': 'same-origin',
      });
      expect(reply.headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  it('is one line in the log, without its query', async () => {
    const { knock } = await door();
    await knock('/trpc/runs.view?input=%7B%22id%22%3A%227%22%7D&token=hush');
    await expect.poll(() => lines.length).toBe(1);
    expect(lines[0]).toMatch(/^GET \/trpc\/runs\.view 200 \d+ ms$/);
  });

  it.each(['PUT', 'DELETE', 'PATCH', 'OPTIONS'])('to %s is a refusal', async (method) => {
    expect((await (await door()).knock('/trpc/runs.list', { method })).status).toBe(400);
    expect(backend.calls).toEqual([]);
  });
});
