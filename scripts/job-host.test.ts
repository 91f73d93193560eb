/** The job host as users run it: a process of its own, killed at will, behind the web process's door. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { nodeFiles } from '../lib/compute/folder/node-files.ts';
import { DEFAULT_DETECTION } from '../lib/core/detection/index.ts';
import { runEdits } from '../lib/core/edit/index.ts';
import { openModel } from '../lib/core/folder/open-model.ts';
import { buildPlan } from '../lib/core/plan/index.ts';
import { DEFAULT_CACHE_BYTES, DEFAULT_DISTIL } from '../lib/core/run/index.ts';
import { copyFreshDatabase } from '../lib/server/database/testing.ts';
import { forward, hostAddress } from '../lib/server/http/forward.ts';
import { type KeptJobHost, keepJobHost } from './job-host.mjs';

/** A host reads TensorFlow.js and a database before it answers: seconds, on a busy machine minutes. */
const PATIENCE_MS = 240_000;
let folder = '';
const kept: KeptJobHost[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-host-'));
});
afterEach(async () => {
  for (const host of kept.splice(0)) await host.stop();
  await rm(folder, { recursive: true });
});

/** Takes no jobs: what is followed here is what users do. */
async function start(settings: Readonly<Record<string, string>> = {}) {
  const said: string[] = [];
  let output = '';
  const host = await keepJobHost({
    say: (sentence) => said.push(sentence),
    output: (text) => {
      output += text;
    },
    settings: { CONTIGUA_DATA: join(folder, 'data'), CONTIGUA_SLOTS: '0', DATABASE_URL: '', ...settings },
  });
  kept.push(host);
  const ask = (path: string, init?: RequestInit) =>
    forward(new Request(`http://localhost:3000/api${path}`, init), hostAddress(host.env));
  const call = async (procedure: string, input: unknown) => {
    const reply = await ask(`/trpc/${procedure}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', host: 'localhost:3000' },
      body: JSON.stringify(input),
    });
    const { result, error } = await reply.json();
    if (error) throw new Error(error.message);
    return result.data;
  };
  return { host, said, ask, call, output: () => output };
}
type Started = Awaited<ReturnType<typeof start>>;

async function request() {
  const url = `${pathToFileURL(resolve('public/models/shapes-mmdit')).href}/`;
  const { summary } = await openModel({ files: await nodeFiles.openFolder(url), name: 'shapes-mmdit' });
  const intervals = [
    { first: 2, last: 3 },
    { first: 6, last: 8 },
  ];
  return {
    modelId: 'bundled/shapes-mmdit',
    plan: buildPlan({
      model: summary,
      report: null,
      edits: runEdits(intervals, 'nothing'),
      detection: DEFAULT_DETECTION,
    }),
    settings: {
      data: { kind: 'shapes' },
      distil: DEFAULT_DISTIL,
      fineTune: null,
      engine: 'auto',
      cacheBytes: DEFAULT_CACHE_BYTES,
    },
  };
}

/** Follows as a browser's EventSource does: the same address always, and in a header the last number that came. */
class Follower {
  readonly ids: number[] = [];
  streams = 0;
  private last = '';
  private stopped = false;
  private leaving = new AbortController();
  readonly done: Promise<void>;

  constructor(
    private readonly started: Started,
    private readonly run: string,
  ) {
    this.done = this.read();
  }

  stop(): Promise<void> {
    this.stopped = true;
    this.leaving.abort();
    return this.done;
  }

  private async read(): Promise<void> {
    const input = encodeURIComponent(JSON.stringify({ id: this.run, lastEventId: 0 }));
    while (!this.stopped) {
      this.leaving = new AbortController();
      const headers = new Headers({ accept: 'text/event-stream', host: 'localhost:3000' });
      if (this.last) headers.set('last-event-id', this.last);
      try {
        const { signal } = this.leaving;
        const reply = await this.started.ask(`/trpc/runs.follow?input=${input}`, { headers, signal });
        this.streams++;
        let text = '';
        for await (const part of reply.body ?? []) {
          text += new TextDecoder().decode(part);
          const blocks = text.split('\n\n');
          text = blocks.pop() ?? '';
          for (const block of blocks) this.take(block);
        }
      } catch (thrown) {
        // Broken off, by this test's kill or its end.
        if (!(thrown instanceof Error)) throw thrown;
      }
      await new Promise((wake) => setTimeout(wake, 50));
    }
  }

  private take(block: string): void {
    const id = /^id: ?(\d+)$/m.exec(block)?.[1];
    if (id === undefined) return;
    this.last = id;
    this.ids.push(Number(id));
  }
}

it('is started again when it is killed, and followers miss nothing and see nothing twice', {
  timeout: 4 * PATIENCE_MS,
}, async () => {
  await copyFreshDatabase(join(folder, 'data'));
  const started = await start();
  const { host, call, said } = started;
  await host.ready;
  const id = await call('runs.create', await request());
  const follower = new Follower(started, id);
  try {
    await expect.poll(() => follower.streams, { timeout: PATIENCE_MS }).toBe(1);
    for (let round = 1; round <= 2; round++) {
      await call('runs.pause', { id });
      const pid = host.pid();
      // At once: what was acknowledged may not have reached the follower yet.
      if (pid !== null) process.kill(pid, 'SIGKILL');
      await expect
        .poll(() => said.filter((line) => line === 'The job host is back.').length, { timeout: PATIENCE_MS })
        .toBe(round);
      await call('runs.resume', { id });
    }
    await call('runs.cancel', { id });
    const { lastEventId, state } = await view(started, id);
    expect(state).toBe('cancelled');
    expect(lastEventId).toBeGreaterThan(4);
    await expect.poll(() => follower.ids.at(-1), { timeout: PATIENCE_MS }).toBe(lastEventId);
    expect(follower.ids).toEqual(Array.from({ length: lastEventId }, (_, i) => i + 1));
    expect(follower.streams).toBeGreaterThan(2);
    expect(said[0]).toBe('The job host ended (SIGKILL); starting it again in 0.5 s.');
  } finally {
    await follower.stop();
  }
});

it('says who has the data folder, and does not start again and again', { timeout: 2 * PATIENCE_MS }, async () => {
  const first = await start();
  await first.host.ready;
  const second = await start();
  await expect(second.host.ready).rejects.toThrow('The job host could not start (exit code 78).');
  expect(second.output()).toContain(`Another process uses this data folder; found process ${first.host.pid()}`);
  expect(second.said).toEqual([]);
  expect((await first.ask('/trpc/server.status', { headers: { host: 'localhost' } })).status).toBe(200);
});

it('does not start with settings that let anybody in', { timeout: 2 * PATIENCE_MS }, async () => {
  const { host, output } = await start({ CONTIGUA_HOST: '0.0.0.0', CONTIGUA_TOKEN: '' });
  await expect(host.ready).rejects.toThrow('could not start');
  expect(output()).toContain('lets other machines connect');
});

async function view({ ask }: Started, id: string): Promise<{ lastEventId: number; state: string }> {
  const input = encodeURIComponent(JSON.stringify({ id }));
  const reply = await ask(`/trpc/runs.view?input=${input}`, { headers: { host: 'localhost:3000' } });
  return (await reply.json()).result.data;
}
