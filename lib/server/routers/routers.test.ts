import type { Server } from 'node:http';
import { createTRPCClient, httpBatchLink, TRPCClientError } from '@trpc/client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ContiguaError } from '../../core/errors.ts';
import { parseRunPlan } from '../../core/plan/index.ts';
import { MAX_RUN_NAME } from '../../core/run/index.ts';
import { textOf } from '../../testing/v1/read-fixture.ts';
import { accessPolicy } from '../http/access.ts';
import { createApiServer } from '../http/api-server.ts';
import { assertRunName } from '../runs/run-request.ts';
import {
  addressOf,
  ask,
  closed,
  exampleRequest,
  listening,
  MemoryBackend,
  readEvents,
  type ServerSentEvent,
} from '../testing.ts';
import { type AppRouter, appRouter, SUBSCRIPTIONS } from './index.ts';

const SECRET = { 'x-contigua-secret': 's' };
let backend: MemoryBackend;
let server: Server;
const reported: unknown[] = [];
beforeEach(async () => {
  backend = new MemoryBackend();
  reported.length = 0;
  const files = async () => {};
  const report = (thrown: unknown) => reported.push(thrown);
  server = await listening(createApiServer({ backend, files, policy: accessPolicy({}), secret: 's', report }));
});
afterEach(() => closed(server));
const client = () =>
  createTRPCClient<AppRouter>({ links: [httpBatchLink({ url: `${addressOf(server)}/trpc`, headers: SECRET })] });
async function failureOf(call: Promise<unknown>) {
  const thrown = await call.then(
    () => null,
    (error: unknown) => error,
  );
  if (!(thrown instanceof TRPCClientError)) throw new Error('was answered');
  return thrown;
}

describe('the routers', () => {
  it('call the backend with what was asked, and give its answer', async () => {
    const { runs, server: about, models } = client();
    const request = exampleRequest();
    expect(await about.status.query()).toMatchObject({ database: 'memory' });
    expect(await models.list.query()).toEqual([]);
    expect(await models.places.query()).toMatchObject({ roots: [] });
    expect(await runs.create.mutate(request)).toBe('7');
    expect(await runs.estimate.mutate(request)).toMatchObject({ basis: 'a guess' });
    expect((await runs.view.query({ id: '7' })).plan).toEqual(request.plan);
    await runs.pause.mutate({ id: '7' });
    await runs.resume.mutate({ id: '7' });
    await runs.cancel.mutate({ id: '7' });
    await runs.retry.mutate({ id: '7', key: 'fine-tune', afresh: true });
    await runs.addInterval.mutate({ id: '7', interval: { first: 4, last: 5 } });
    await runs.trySubset.mutate({ id: '7', plugged: ['1-3'] });
    await runs.curve.query({ id: '7', key: '1-3' });
    await runs.remove.mutate({ id: '7' });
    expect(backend.calls).toEqual([
      ['status'],
      ['models'],
      ['modelPlaces'],
      ['createRun', request],
      ['estimate', request],
      ['viewRun', '7'],
      ['pauseRun', '7'],
      ['resumeRun', '7'],
      ['cancelRun', '7'],
      ['retryJob', '7', 'fine-tune', true],
      ['addInterval', '7', { first: 4, last: 5 }],
      ['trySubset', '7', ['1-3'], false],
      ['curve', '7', '1-3'],
      ['deleteRun', '7'],
    ]);
  });

  it('carry a ContiguaError whole, with a status that fits it', async () => {
    const { shape, data, message } = await failureOf(client().runs.view.query({ id: '8' }));
    expect(data).toMatchObject({
      httpStatus: 404,
      contigua: { code: 'run-missing', summary: 'There is no such run', details: { found: '8' } },
    });
    expect(message).toBe('There is no such run; found 8');
    expect(JSON.stringify(shape)).not.toContain('stack');
    backend.failure = new ContiguaError('store-unreachable', 'The bucket does not answer', { hint: 'Try again.' });
    expect((await failureOf(client().runs.list.query())).data).toMatchObject({
      httpStatus: 503,
      contigua: { code: 'store-unreachable', details: { hint: 'Try again.' } },
    });
  });

  it('say of a foreign error that it happened, and no more; the host’s own output has it', async () => {
    backend.failure = new Error('connect ECONNREFUSED postgres://me:secret@/srv/data');
    const { shape, data, message } = await failureOf(client().runs.list.query());
    expect(data).toMatchObject({ httpStatus: 500, contigua: { code: 'internal' } });
    expect(`${message} ${JSON.stringify(shape)}`).not.toMatch(/secret|srv|ECONN|stack|\.ts/);
    expect(reported).toEqual([backend.failure]);
  });

  const distil = exampleRequest().settings.distil;
  it.each<[string, object, string]>([
    ['no steps', { steps: 0 }, 'settings.distil.steps'],
    ['half a step', { steps: 1.5 }, 'settings.distil.steps'],
    ['a year of steps', { steps: 1e9 }, 'settings.distil.steps'],
    ['no learning rate', { learningRate: 0 }, 'settings.distil.learningRate'],
    ['an infinite learning rate', { learningRate: Number.POSITIVE_INFINITY }, 'settings.distil.learningRate'],
    ['no number for one', { learningRate: Number.NaN }, 'settings.distil.learningRate'],
    ['a text for one', { learningRate: '0.001' }, 'settings.distil.learningRate'],
    ['a beta of one', { beta2: 1 }, 'settings.distil.beta2'],
    ['a negative beta', { beta1: -0.1 }, 'settings.distil.beta1'],
    ['an EMA of one', { ema: 1 }, 'settings.distil.ema'],
    ['clipping to nothing', { clipNorm: 0 }, 'settings.distil.clipNorm'],
    ['an unknown loss', { loss: 'cosine' }, 'settings.distil.loss'],
    ['a seed beyond 32 bits', { seed: 2 ** 32 }, 'settings.distil.seed'],
    ['no batch', { batch: 0 }, 'settings.distil.batch'],
    ['warm-up beyond the end', { steps: 10, warmupSteps: 11 }, 'settings.distil.warmupSteps'],
    ['nothing held out', { heldOutSamples: 0 }, 'settings.distil.heldOutSamples'],
  ])('refuse settings with %s, naming the place', async (_, change, place) => {
    const request = exampleRequest();
    const body = JSON.stringify({ ...request, settings: { ...request.settings, distil: { ...distil, ...change } } });
    const reply = await postJson('/trpc/runs.create', body);
    expect(reply.status).toBe(400);
    const { contigua } = JSON.parse(reply.text).error.data;
    expect(contigua).toMatchObject({ code: 'settings-invalid', summary: `\`${place}\` is wrong` });
    expect(backend.calls).toEqual([]);
    expect(reported).toEqual([]);
  });

  it.each<[string, object, string]>([
    ['a path that leads out', { data: { kind: 'file', path: 'bundled/../../etc/passwd' } }, 'settings.data.path'],
    ['an absolute path', { data: { kind: 'file', path: '/etc/passwd' } }, 'settings.data.path'],
    ['data of no kind', { data: { kind: 'web' } }, 'settings.data.kind'],
    ['an unknown engine', { engine: 'abacus' }, 'settings.engine'],
    ['a cache below nothing', { cacheBytes: -1 }, 'settings.cacheBytes'],
    ['a cache beyond any disk', { cacheBytes: 2 ** 50 }, 'settings.cacheBytes'],
  ])('refuse %s', async (_, change, place) => {
    const request = exampleRequest();
    const reply = await postJson(
      '/trpc/runs.create',
      JSON.stringify({ ...request, settings: { ...request.settings, ...change } }),
    );
    expect(JSON.parse(reply.text).error.data.contigua).toMatchObject({
      code: 'settings-invalid',
      summary: `\`${place}\` is wrong`,
    });
    expect(backend.calls).toEqual([]);
  });

  it.each<[string, string]>([
    ['NUL', 'a\u0000b'],
    ['an escape sequence', 'a\u001b[2Jb'],
    ['a line break', 'a\nb'],
    ['a C1 control', 'a\u009bb'],
    ['a reversed reading order', 'a\u202eb'],
    ['half a pair', 'a\ud800b'],
    ['201 characters', 'x'.repeat(201)],
  ])('refuse a run’s name with %s', async (_, name) => {
    const reply = await postJson('/trpc/runs.create', JSON.stringify({ ...exampleRequest(), name }));
    expect([reply.status, JSON.parse(reply.text).error.data.contigua.code]).toEqual([400, 'settings-invalid']);
    expect(backend.calls).toEqual([]);
    expect(() => assertRunName(name)).toThrow(/cannot be the name of a run/);
  });

  it('say how long a run’s name may be, and cut none', async () => {
    const name = 'x'.repeat(MAX_RUN_NAME);
    expect((await postJson('/trpc/runs.create', JSON.stringify({ ...exampleRequest(), name }))).status).toBe(200);
    expect(backend.calls).toEqual([['createRun', { ...exampleRequest(), name }]]);
    const reply = await postJson('/trpc/runs.create', JSON.stringify({ ...exampleRequest(), name: `${name}x` }));
    expect(JSON.parse(reply.text).error.message).toBe('`name` is wrong; expected a name of at most 200 characters');
    expect(() => assertRunName(`${name}x`)).toThrow(/found x{39,} … x+; expected a name of at most 200 characters/);
  });

  it('take names as people write them', async () => {
    for (const name of ['Nacht 3 → 4', '模型', '👩‍💻 run', 'می‌خواهم']) {
      expect((await postJson('/trpc/runs.create', JSON.stringify({ ...exampleRequest(), name }))).status).toBe(200);
    }
  });

  it('refuse what the database cannot hold at any place of an input, naming the place', async () => {
    const { plan, ...request } = exampleRequest();
    for (const text of ['a\u0000', '\udc00']) {
      const edited = { ...plan, model: { ...plan.model, name: text } };
      for (const path of ['/trpc/runs.create', '/trpc/runs.estimate']) {
        const reply = await postJson(path, JSON.stringify({ ...request, plan: edited }));
        expect([reply.status, JSON.parse(reply.text).error.message]).toEqual([
          400,
          expect.stringMatching(/^`plan\.model\.name` cannot be stored; found a character/),
        ]);
      }
    }
    const nested = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    const reply = await postJson('/trpc/runs.create', `{"plan":${nested}}`);
    expect([reply.status, JSON.parse(reply.text).error.data.contigua.code]).toEqual([400, 'settings-invalid']);
    expect(backend.calls).toEqual([]);
    expect(reported).toEqual([]);
  });

  it('read a plan as its file is read, and name the place of a fault', async () => {
    const request = exampleRequest();
    const plan = { ...request.plan, blocks: { before: 6, after: 5 } };
    const failure = await failureOf(client().runs.create.mutate({ ...request, plan }));
    expect(failure.data?.contigua).toMatchObject({ code: 'plan-invalid', details: { file: 'plan.json' } });
    expect(failure.message).toMatch(/`blocks` contradicts/);
    const none = await postJson('/trpc/runs.create', JSON.stringify({ ...request, plan: undefined }));
    expect(JSON.parse(none.text).error.data.contigua.code).toBe('plan-invalid');
  });

  it('take a plan of version 1, as a page that was open before an update sends it, and give the backend today’s', async () => {
    const v1 = textOf('plans/detected-probes.json');
    const body = JSON.stringify({ ...exampleRequest(), plan: JSON.parse(v1) });
    for (const path of ['/trpc/runs.create', '/trpc/runs.estimate']) {
      expect((await postJson(path, body)).status).toBe(200);
    }
    const plan = parseRunPlan(v1, 'plan.json');
    expect([plan.version, plan.edits.map(({ by }) => by)]).toEqual([3, ['probes', 'probes', 'probes']]);
    expect(backend.calls).toEqual([
      ['createRun', { ...exampleRequest(), plan }],
      ['estimate', { ...exampleRequest(), plan }],
    ]);
  });

  it.each(['../7', '7/../8', '', 'a b', '7.zip', 'x'.repeat(65)])('refuse the run id %j', async (id) => {
    const failure = await failureOf(client().runs.view.query({ id }));
    expect(failure.data?.contigua).toMatchObject({ code: 'settings-invalid', summary: '`id` is wrong' });
    expect(backend.calls).toEqual([]);
  });

  it.each(['..', '3', '3-', '3-4/..', 'fine_tune'])('refuse the job key %j', async (key) => {
    const failure = await failureOf(client().runs.retry.mutate({ id: '7', key }));
    expect(failure.data?.contigua).toMatchObject({ summary: '`key` is wrong' });
  });

  it('change nothing on GET', async () => {
    const input = encodeURIComponent(JSON.stringify({ id: '7' }));
    const reply = await ask(server, `/trpc/runs.pause?input=${input}`, { headers: SECRET });
    expect(reply.status).toBe(405);
    expect(backend.calls).toEqual([]);
  });

  it('know which of them stay open', () => {
    const isOpen = (name: string) => SUBSCRIPTIONS.has(name);
    const types = Object.entries(appRouter.runs).map(([name, { _def }]) => [
      `runs.${name}`,
      _def.type === 'subscription',
    ]);
    expect(types).toEqual(types.map(([name]) => [name, isOpen(String(name))]));
    expect([...SUBSCRIPTIONS]).toEqual(['runs.follow', 'runs.followSeveral']);
  });
});

describe('following a run', () => {
  const step = (n: number) =>
    ({
      type: 'steps',
      key: '1-3',
      points: [{ step: n, losses: { image: 1 / n }, gradientNorm: 1, learningRate: 1e-3, durationMs: 5 }],
    }) as const;
  const url = (after?: number) =>
    `${addressOf(server)}/trpc/runs.follow?input=${encodeURIComponent(JSON.stringify({ id: '7', lastEventId: after }))}`;
  const numbered = (events: readonly ServerSentEvent[]) => events.filter(({ id }) => id !== null);

  it('gives stored events with their numbers, then each as it happens', async () => {
    backend.say(step(1));
    backend.say(step(2));
    const events = await readEvents(url(), SECRET, (seen) => {
      const count = numbered(seen).length;
      if (count === 2 && backend.events.length === 2) backend.say(step(3));
      return count === 3;
    });
    expect(numbered(events).map(({ id, data }) => [id, JSON.parse(data)])).toEqual([
      ['1', step(1)],
      ['2', step(2)],
      ['3', step(3)],
    ]);
  });

  it('goes on after the number that a view or a reconnecting browser names', async () => {
    for (const n of [1, 2, 3]) backend.say(step(n));
    const fromView = await readEvents(url(2), SECRET, (seen) => numbered(seen).length === 1);
    expect(numbered(fromView).map(({ id }) => id)).toEqual(['3']);
    // A browser comes back to the first address, and says in a header how far it got.
    const again = await readEvents(url(0), { ...SECRET, 'Last-Event-ID': '1' }, (seen) => numbered(seen).length === 2);
    expect(numbered(again).map(({ id }) => id)).toEqual(['2', '3']);
  });

  it('gives the events of several runs in one stream, each with its run', async () => {
    backend.say(step(1));
    const input = {
      runs: [
        { id: '7', lastEventId: 0 },
        { id: '8', lastEventId: 1 },
      ],
    };
    const all = `${addressOf(server)}/trpc/runs.followSeveral?input=${encodeURIComponent(JSON.stringify(input))}`;
    const events = await readEvents(all, SECRET, (seen) => {
      const told = seen.filter(({ data }) => data.includes('"run"'));
      if (told.length === 1 && backend.events.length === 1) backend.say(step(2));
      return told.length === 3;
    });
    const told = events.filter(({ data }) => data.includes('"run"')).map(({ data }) => JSON.parse(data));
    expect(told.map(({ run, id }) => `${run}:${id}`).toSorted()).toEqual(['7:1', '7:2', '8:2']);
    await expect.poll(() => backend.followers).toBe(0);
  });

  it.each(['2147483648', '999999999999999', '-1', '1e3', ''])('refuses to go on after %j', async (after) => {
    const input = encodeURIComponent(JSON.stringify({ id: '7', lastEventId: after }));
    const number = encodeURIComponent(JSON.stringify({ id: '7', lastEventId: Number(after || 0.5) }));
    for (const query of after === '1e3' ? [input] : [input, number]) {
      const events = await readEvents(`${addressOf(server)}/trpc/runs.follow?input=${query}`, SECRET, (seen) =>
        seen.some(({ type }) => type === 'serialized-error'),
      );
      const failure = events.find(({ type }) => type === 'serialized-error');
      expect(JSON.parse(failure?.data ?? '{}').data.contigua).toMatchObject({ code: 'settings-invalid' });
    }
    expect(backend.calls).toEqual([]);
    expect(reported).toEqual([]);
  });

  it('lets go of the backend when the follower goes away', async () => {
    backend.say(step(1));
    await readEvents(url(), SECRET, (seen) => numbered(seen).length === 1);
    await expect.poll(() => backend.followers).toBe(0);
  });

  it('ends with the error’s code and words where the backend fails', async () => {
    backend.failure = new ContiguaError('run-missing', 'There is no such run', { found: '7' });
    const events = await readEvents(url(), SECRET, (seen) => seen.some(({ type }) => type === 'serialized-error'));
    const failure = events.find(({ type }) => type === 'serialized-error');
    expect(JSON.parse(failure?.data ?? '{}').data.contigua).toMatchObject({ code: 'run-missing' });
  });
});

function postJson(path: string, body: string) {
  return ask(server, path, { method: 'POST', headers: { ...SECRET, 'content-type': 'application/json' }, body });
}
