/** The door, knocked at in every wrong way. */
import type { Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { addressOf, ask, closed, listening, MemoryBackend, type Question, rawAnswer, readEvents } from '../testing.ts';
import { accessPolicy, cookieValue } from './access.ts';
import { type ApiOptions, createApiServer } from './api-server.ts';
import { fileRoutes } from './files.ts';
import { SOURCE_HEADER, vouchedSource } from './source.ts';

const TOKEN = 'correct-horse-battery';
const SECRET = 'between-us';
const BEYOND = { CONTIGUA_HOST: '0.0.0.0', CONTIGUA_TOKEN: TOKEN, CONTIGUA_JOB_SECRET: SECRET };
const VOUCHED = cookieValue({ token: TOKEN, secret: SECRET });
/** As made before the server was started again. */
const UNVOUCHED = cookieValue({ token: TOKEN, secret: 'before' });
const from = (source: string) => ({ [SOURCE_HEADER]: vouchedSource(source, SECRET) });
const FORM = { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' } };
let server: Server | null = null;
const backend = new MemoryBackend();
const lines: string[] = [];
const warnings: string[] = [];
afterEach(async () => {
  if (server) await closed(server);
  server = null;
  backend.calls.length = 0;
  backend.events.length = 0;
  lines.length = 0;
  warnings.length = 0;
});

async function door(env: Readonly<Record<string, string>> = {}, options: Partial<ApiOptions> = {}) {
  const opened = createApiServer({
    backend,
    files: fileRoutes({ backend, calibrations: null }),
    policy: accessPolicy(env),
    secret: SECRET,
    warn: (line) => warnings.push(line),
    log: (line) => lines.push(line),
    ...options,
  });
  server = await listening(opened);
  const knock = (path: string, { headers, ...question }: Question = {}) =>
    ask(opened, path, {
      ...question,
      headers: { 'x-contigua-secret': SECRET, host: 'localhost:3000', ...headers },
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
    expect((await list({ 'x-contigua-host': '' })).status).toBe(403);
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
    expect(() => accessPolicy({ CONTIGUA_HOST: '0.0.0.0' })).toThrow(/lets other machines connect; found no token/);
    expect(() => accessPolicy({ CONTIGUA_HOST: '::' })).toThrow(/lets other machines connect/);
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
    ['the token itself as a cookie', { cookie: `contigua_access_3000=${TOKEN}` }],
    ['another cookie', { cookie: `other=${VOUCHED}` }],
    ['the cookie of an instance on another port', { cookie: `contigua_access_3001=${VOUCHED}` }],
    ['a proof without its key', { cookie: `contigua_access_3000=.${VOUCHED.split('.')[1]}` }],
    ['a wrong one, and a right cookie', { authorization: 'Bearer wrong', cookie: `contigua_access_3000=${VOUCHED}` }],
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
    for (const cookie of [VOUCHED, UNVOUCHED]) {
      expect((await list({ cookie: `theme=dark; contigua_access_3000=${cookie}` })).status).toBe(200);
    }
    const portless = { host: '192.168.1.5', cookie: `contigua_access=${VOUCHED}` };
    expect((await list(portless)).status).toBe(200);
  });

  it('becomes a strict cookie by the form or by an address, and leads on to a place of this server alone', async () => {
    const { knock } = await door(BEYOND);
    const asked = await knock('/login?to=%2Fruns%2F7%3Fa%3D%22%3E%3Cscript%3E');
    expect(asked.status).toBe(401);
    expect(asked.text).toContain('<form method="post"');
    expect(asked.text).not.toContain('<script>');
    const wrong = await knock('/login', { ...FORM, body: 'token=wrong&to=/runs' });
    expect([wrong.status, wrong.headers['set-cookie']]).toEqual([401, undefined]);
    for (const right of [
      await knock('/login', { ...FORM, body: `token=${TOKEN}&to=/runs/7` }),
      await knock(`/login?token=${TOKEN}&to=${encodeURIComponent(`/runs/7?token=${TOKEN}`)}`, {
        headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' },
      }),
    ]) {
      expect(right.status).toBe(200);
      const [cookie = ''] = right.headers['set-cookie'] ?? [];
      expect(cookie).toMatch(
        /^contigua_access_3000=[\w-]{43}\.[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/,
      );
      expect(right.text).toContain('url=/runs/7"');
      expect(right.text + cookie).not.toContain(TOKEN);
    }
    for (const to of [
      '//evil.example',
      '/\\evil.example',
      'https://evil.example',
      '/\t/evil.example',
      '/.//evil.example',
    ]) {
      for (const shown of [`token=${TOKEN}&`, '']) {
        const led = await knock(`/login?${shown}to=${encodeURIComponent(to)}`);
        expect(led.text).toContain(shown ? 'url=/"' : 'name="to" value="/"');
        expect(led.text).not.toContain('evil');
      }
    }
    const foreign = await knock('/login', { ...FORM, headers: { ...FORM.headers, origin: 'http://evil.example' } });
    expect(foreign.status).toBe(403);
    expect(lines.join('\n')).not.toContain(TOKEN);
  });

  const GUESSING = { limits: { tokens: { burst: 10, perSecond: 20, line: 5 }, burst: 1e4 } };
  const statuses = (replies: readonly { readonly status: number }[], status: number) =>
    replies.filter((reply) => reply.status === status).length;

  it('cannot be guessed faster than the limit, by all the ways of showing it together', async () => {
    const { list, knock } = await door(BEYOND, GUESSING);
    const ways = [
      (guess: string) => list({ ...from('10.0.0.1'), authorization: `Bearer ${guess}`, 'x-forwarded-for': guess }),
      (guess: string) => list({ ...from('10.0.0.1'), cookie: `contigua_access_3000=${guess}` }),
      (guess: string) => knock(`/login?token=${guess}`, { headers: from('10.0.0.1') }),
      (guess: string) =>
        knock('/login', { ...FORM, headers: { ...FORM.headers, ...from('10.0.0.1') }, body: `token=${guess}` }),
    ];
    const begun = performance.now();
    const replies = await Promise.all(Array.from({ length: 200 }, (_, i) => ways[i % 4]!(`guess-${i}`)));
    const seconds = (performance.now() - begun) / 1000;
    expect(warnings.length).toBeGreaterThanOrEqual(10);
    expect(warnings.length).toBeLessThanOrEqual(10 + 20 * seconds + 1);
    expect(statuses(replies, 401) + statuses(replies, 429)).toBe(200);
    expect(statuses(replies, 401)).toBeLessThanOrEqual(warnings.length);
    expect(warnings[0]).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:.]+Z contigua: login failed from 10\.0\.0\.1 by (bearer|cookie|form|address)$/,
    );
    // Another source is not concerned.
    const other = { ...from('10.0.0.2'), authorization: 'Bearer wrong' };
    expect((await list(other)).status).toBe(401);
  });

  it('is never refused when it is the right one, by any way, after whatever number of wrong ones', async () => {
    const { list, knock } = await door(BEYOND, GUESSING);
    for (let i = 0; i < 30; i++) await list({ authorization: `Bearer guess-${i}` });
    const form = { ...FORM, body: `token=${TOKEN}` };
    for (const right of [
      list({ authorization: `Bearer ${TOKEN}` }),
      list({ cookie: `contigua_access_3000=${UNVOUCHED}` }),
      knock('/login', form),
      knock(`/login?token=${TOKEN}`),
    ]) {
      expect((await right).status).toBe(200);
    }
  });

  it('is no sooner answered than a wrong one while many are guessed, and a cookie of this server at once', async () => {
    const { list } = await door(BEYOND, { limits: { tokens: { burst: 2, perSecond: 0.001, line: 1 }, burst: 1e4 } });
    for (let i = 0; i < 2; i++) await list({ authorization: `Bearer guess-${i}` });
    let answered = false;
    void list({ authorization: `Bearer ${TOKEN}` }).then(
      () => {
        answered = true;
      },
      () => {}, // the server is closed with it
    );
    expect((await list({ authorization: 'Bearer unjudged' })).status).toBe(429);
    expect((await list({ cookie: `contigua_access_3000=${VOUCHED}` })).status).toBe(200);
    expect(answered).toBe(false);
  });

  it('is not used up by a picture on a foreign page, nor by a page with an outdated cookie', async () => {
    const { list, knock } = await door(BEYOND, { limits: { tokens: { burst: 2, perSecond: 0.001, line: 1 } } });
    for (let i = 0; i < 30; i++) {
      const picture = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' };
      expect((await knock(`/login?token=wrong-${i}`, { headers: picture })).status).toBe(403);
      // A link is judged, but its wrong tokens count for themselves.
      const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
      if (i < 2) expect((await knock(`/login?token=wrong-${i}`, { headers: link })).status).toBe(401);
    }
    for (let i = 0; i < 30; i++) expect((await list({ cookie: 'contigua_access_3000=outdated' })).status).toBe(401);
    expect(warnings).toHaveLength(3);
    expect((await list({ authorization: `Bearer ${TOKEN}` })).status).toBe(200);
  });
});

describe('too much', () => {
  it('of a login form is refused with a sentence, and 5 kB are not too much', async () => {
    const { knock } = await door(BEYOND);
    const padded = await knock('/login', { ...FORM, body: `token=${TOKEN}&to=/runs?a=${'x'.repeat(5000)}` });
    expect([padded.status, padded.text.includes('url=/runs"')]).toEqual([200, true]);
    const huge = await knock('/login', { ...FORM, body: `token=${'x'.repeat(3e6)}` });
    expect([huge.status, codeOf(huge)]).toEqual([413, 'too-large']);
  });

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
    const statuses = [];
    for (let i = 0; i < 7; i++) {
      const claimed = { 'x-forwarded-for': `10.9.9.${i}` };
      statuses.push((await list({ ...from('10.0.0.1'), ...claimed })).status);
    }
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429]);
    const refused = await list(from('10.0.0.1'));
    expect(codeOf(refused)).toBe('too-many');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(1);
    expect((await list(from('10.0.0.2'))).status).toBe(200);
    const claimed = { [SOURCE_HEADER]: vouchedSource('10.0.0.3', 'a guess') };
    for (let i = 0; i < 5; i++) await list(claimed);
    expect((await list({ [SOURCE_HEADER]: vouchedSource('10.0.0.4', 'a guess') })).status).toBe(429);
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

  it.each(['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'])('to %s is a refusal', async (method) => {
    const reply = await (await door()).knock('/trpc/runs.list', { method });
    expect([reply.status, reply.headers.allow, codeOf(reply)]).toEqual([405, 'GET, HEAD, POST', 'method-unknown']);
    expect(backend.calls).toEqual([]);
  });

  it.each([
    '/trpc/runs.list%',
    '/trpc/%zz',
    '/files/runs/%E0%A4%A/plan.json',
    '/trpc/%00',
    '/files/runs/7%00/plan.json',
    '/login%',
    'http://evil.example/trpc/runs.list',
    '*',
  ])('to the address %j is a refusal', async (path) => {
    const { server: opened } = await door();
    const { port } = new URL(addressOf(opened));
    const head = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nX-Contigua-Secret: ${SECRET}\r\nConnection: close\r\n\r\n`;
    expect(await rawAnswer(Number(port), head)).toMatch(/^HTTP\/1\.1 400 /);
    expect(backend.calls).toEqual([]);
  });

  it('to two Hosts, or to `//`, is no answer of a procedure', async () => {
    const { server: opened } = await door();
    const port = Number(new URL(addressOf(opened)).port);
    const ending = `X-Contigua-Secret: ${SECRET}\r\nConnection: close\r\n\r\n`;
    const two = `GET /trpc/runs.list HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n${ending}`;
    expect(await rawAnswer(port, two)).toMatch(/^HTTP\/1\.1 400 /);
    expect(await rawAnswer(port, `GET // HTTP/1.1\r\nHost: localhost\r\n${ending}`)).toMatch(/^HTTP\/1\.1 404 /);
    expect(backend.calls).toEqual([]);
  });
});
