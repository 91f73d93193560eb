/**
 * `npm start` as its user has it, with each of its three processes killed in turn while a student is trained: the web
 * server, the job host, and the process that keeps both. Training is disturbed by none of the first, and goes on from its
 * last checkpoint after the others. A product of its own, since the other journeys' server is not to be killed.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from '@playwright/test';
import { openModelFolder } from '../lib/compute/folder/file-host.ts';
import { nodeFiles } from '../lib/compute/folder/node-files.ts';
import { DEFAULT_DETECTION } from '../lib/core/detection/index.ts';
import { runEdits } from '../lib/core/edit/index.ts';
import { openModel } from '../lib/core/folder/open-model.ts';
import { buildPlan } from '../lib/core/plan/index.ts';
import { DEFAULT_CACHE_BYTES, DEFAULT_DISTIL, type JobView, type RunView } from '../lib/core/run/index.ts';

const PATIENCE = { timeout: 240_000 };
const CHECKPOINT_EVERY = 5;

interface Product {
  readonly process: ChildProcess;
  readonly url: string;
  said(): string;
}

let folder = '';
const products: Product[] = [];
test.beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-supervision-'));
});
test.afterEach(async () => {
  for (const product of products.splice(0)) {
    if (product.process.exitCode !== null || product.process.signalCode !== null) continue;
    const gone = once(product.process, 'exit');
    product.process.kill('SIGTERM');
    await gone;
  }
  await rm(folder, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address ? address.port : 0;
}

async function start(port: number): Promise<Product> {
  const env = {
    ...process.env,
    PORT: String(port),
    CONTIGUA_DATA: join(folder, 'data'),
    CONTIGUA_SLOTS: '1',
    CONTIGUA_ENGINE: 'wasm',
    DATABASE_URL: '',
  };
  const child = spawn(process.execPath, [resolve('scripts/start.mjs'), '--no-build'], {
    cwd: resolve('.'),
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
  }
  const product = { process: child, url: `http://127.0.0.1:${port}`, said: () => said };
  products.push(product);
  await expect.poll(product.said, PATIENCE).toContain('Contigua is ready');
  expect(said).toContain(`${product.url} `);
  return product;
}

interface Running {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

function processes(): Running[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' }).split('\n');
  return lines.flatMap((line) => {
    const [, pid, parent, state, command] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    // A zombie has ended; whoever inherits it has not looked yet.
    if (command === undefined || state?.startsWith('Z')) return [];
    return [{ pid: Number(pid), parent: Number(parent), command }];
  });
}

function below(pid: number): Running[] {
  const all = processes();
  const children = (parent: number): Running[] =>
    all.filter((one) => one.parent === parent).flatMap((one) => [one, ...children(one.pid)]);
  return children(pid);
}

/** Of the two that `npm start` keeps. */
function pidOf({ process: { pid = 0 } }: Product, which: 'web server' | 'job host'): number {
  const kept = processes().filter(({ parent }) => parent === pid);
  const isHost = ({ command }: Running) => command.includes('scripts/host.mjs');
  return kept.find((one) => isHost(one) === (which === 'job host'))?.pid ?? 0;
}

async function call(url: string, procedure: string, input: unknown, method: 'GET' | 'POST') {
  const query = method === 'GET' ? `?input=${encodeURIComponent(JSON.stringify(input))}` : '';
  const reply = await fetch(`${url}/api/trpc/${procedure}${query}`, {
    method,
    ...(method === 'POST' && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(input) }),
  });
  const { result, error } = await reply.json();
  if (error) throw new Error(error.message);
  return result.data;
}

async function createRun(url: string): Promise<string> {
  const model = {
    kind: 'url',
    url: `${pathToFileURL(resolve('public/models/shapes-mmdit')).href}/`,
    name: 'shapes-mmdit',
  } as const;
  const { summary } = await openModel(await openModelFolder(model, nodeFiles));
  const edits = runEdits([{ first: 2, last: 3 }], 'nothing');
  const detection = DEFAULT_DETECTION;
  const distil = { ...DEFAULT_DISTIL, steps: 100_000, batch: 2, heldOutSamples: 2, heldOutEvery: 50_000 };
  return await call(
    url,
    'runs.create',
    {
      modelId: 'bundled/shapes-mmdit',
      plan: buildPlan({ model: summary, report: null, edits, detection }),
      settings: {
        data: { kind: 'shapes' },
        distil: { ...distil, checkpointEvery: CHECKPOINT_EVERY },
        fineTune: null,
        engine: 'wasm',
        cacheBytes: DEFAULT_CACHE_BYTES,
      },
    },
    'POST',
  );
}

/** Undefined while nothing answers. */
async function jobOf({ url }: Product, id: string): Promise<JobView | undefined> {
  const run: RunView | null = await call(url, 'runs.view', { id }, 'GET').catch(() => null);
  return run?.jobs[0];
}

async function trainsBeyond(product: Product, id: string, step: number): Promise<JobView> {
  let job: JobView | undefined;
  await expect
    .poll(async () => {
      job = await jobOf(product, id);
      return job?.state === 'running' && job.step > step && job.checkpointStep > 0;
    }, PATIENCE)
    .toBe(true);
  if (!job) throw new Error('The run has no job');
  return job;
}

test('each of the three processes of `npm start` can be killed, and nothing is lost or left', async () => {
  test.setTimeout(900_000);
  const port = await freePort();
  const product = await start(port);
  const id = await createRun(product.url);
  const before = await trainsBeyond(product, id, 0);

  const host = pidOf(product, 'job host');
  process.kill(pidOf(product, 'web server'), 'SIGKILL');
  await expect.poll(product.said, PATIENCE).toContain('The web server is back.');
  const after = await trainsBeyond(product, id, before.step);
  expect(after.attempt).toBe(before.attempt);
  expect(pidOf(product, 'job host')).toBe(host);

  const web = pidOf(product, 'web server');
  process.kill(host, 'SIGKILL');
  await expect.poll(product.said, PATIENCE).toContain('The job host is back.');
  const taken = await trainsBeyond(product, id, after.checkpointStep);
  expect(taken.attempt).toBe(after.attempt + 1);
  expect(pidOf(product, 'web server')).toBe(web);

  const family = below(product.process.pid ?? 0).map(({ pid }) => pid);
  // Web server, job host and compute process at least.
  expect(family.length).toBeGreaterThanOrEqual(3);
  product.process.kill('SIGKILL');
  // The very next start, while the job host still stores its checkpoint.
  const next = await start(port);
  const stored = await jobOf(next, id);
  expect(stored?.checkpointStep).toBeGreaterThanOrEqual(taken.checkpointStep);
  await expect.poll(() => processes().filter(({ pid }) => family.includes(pid)), PATIENCE).toEqual([]);
  await trainsBeyond(next, id, taken.checkpointStep);
  await call(next.url, 'runs.cancel', { id }, 'POST');
});
