import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openStateCache, originOf } from '../../compute/stores/disk-state-cache.ts';
import { shareStateCache } from '../../compute/stores/shared-state-cache.ts';
import { openCheckpoint } from '../../core/checkpoint/index.ts';
import { countingReads } from '../../core/checkpoint/testing.ts';
import type { StateCache } from '../../core/distil/state-cache.ts';
import { releaseBatch, TeacherStates } from '../../core/distil/teacher-states.ts';
import { syntheticBatches } from '../../core/distil/training-data.ts';
import { ContiguaError } from '../../core/errors.ts';
import { openTransformer, type Transformer } from '../../core/model/index.ts';
import { goldenQ1 } from '../../core/model/qwen-image/goldens.ts';
import { startTestEngine } from '../../core/tensor/test-engines.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import { flipBit } from '../artifacts/damage-testing.ts';
import { LocalArtifacts } from '../artifacts/local.ts';
import type { ArtifactStore } from '../artifacts/store.ts';
import { copyFreshDatabase } from '../database/testing.ts';
import type { Attempt } from '../runs/attempt.ts';
import type { RunContext } from '../runs/context.ts';
import { collectGarbage } from '../runs/garbage.ts';
import { openRuns } from '../runs/open.ts';
import { discardStates, storedStates } from '../runs/teacher-states.ts';
import { type SharedStates, serveSharedStates } from './shared-states.ts';

const KEY = 'wasm, a model, its data';
const BUDGET = 2 ** 20;
const values = Float32Array.of(1, 1 / 3, -0, 1e-30);

let folder = '';
let context: RunContext;
let store: LocalArtifacts;
let closeRuns: () => Promise<void>;
const servers: SharedStates[] = [];
const sentences: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-shared-'));
  await copyFreshDatabase(join(folder, 'data'));
  ({ context, close: closeRuns } = await openRuns({ databaseUrl: null, dataFolder: join(folder, 'data') }, () => {}));
  store = new LocalArtifacts(join(folder, 'store'));
}, 600_000);
afterAll(async () => {
  await closeRuns?.();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  const { db } = context;
  await db.change('delete from contigua.runs');
  await db.change('delete from contigua.workers');
  sentences.length = 0;
  await db.change(
    `insert into contigua.runs (id, name, model_id, model, plan, settings, state)
     values ('run', 'run', 'm', '{}', '{}', '{}', 'running')`,
  );
  for (const id of ['one', 'two']) {
    await db.change(`insert into contigua.workers (id, host, pid, slots, report) values ($1, $1, 1, 1, '{}')`, [id]);
  }
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

/** A job of the run that is running, held for so long. */
async function attempt(key: string, leaseS = 3600): Promise<Attempt> {
  const [row] = await context.db.rows(
    z.object({ id: z.int() }),
    `insert into contigua.jobs (run_id, key, kind, state, attempt, steps, lease_until)
     values ('run', $1, 'student', 'running', 1, 10, clock_timestamp() + $2 * interval '1 second') returning id`,
    [key, leaseS],
  );
  return { runId: 'run', jobId: row?.id ?? 0, number: 1 };
}

interface Machine {
  readonly cache: StateCache;
  readonly disk: StateCache;
  readonly url: string;
  end(): void;
}

/** A job runner with a disk of its own, and the cache that its compute process opens. */
async function machine(name: string, of: Attempt, budget = BUDGET, from: ArtifactStore = store): Promise<Machine> {
  const report = (sentence: string) => void sentences.push(sentence);
  const server = await serveSharedStates({ context, store: from, runnerId: name, report });
  servers.push(server);
  const place = join(folder, `${name}-${of.jobId}`);
  await mkdir(place);
  const { url, end } = server.open(of, budget, join(place, 'scratch'));
  const disk = await openStateCache(pathToFileURL(join(place, 'cache')).href, BUDGET, KEY);
  return { disk, url, end, cache: shareStateCache(disk, { url, origin: originOf(KEY, 'f32'), dtype: 'f32' }) };
}

async function two(budget = BUDGET, from: ArtifactStore = store): Promise<[Machine, Machine]> {
  return [
    await machine('one', await attempt('0-1'), budget, from),
    await machine('two', await attempt('4-5'), budget, from),
  ];
}

it('gives the bits that another machine has stored, and keeps them on its own disk', async () => {
  const [one, other] = await two();
  expect(await other.cache.has('0-1')).toBe(false);
  expect(await one.cache.store('0-1', values)).toBe(true);
  expect(await other.cache.has('0-1')).toBe(true);
  expect(await other.disk.has('0-1')).toBe(false);
  expect(await other.cache.load('0-1')).toEqual(values);
  expect(await other.disk.load('0-1')).toEqual(values);
  expect(await other.cache.load('0-2')).toBeNull();
  expect(sentences).toEqual([]);
});

it('halves what is sent where states are rounded', async () => {
  const [one, other] = await two();
  const rounded = Float32Array.of(1, -0.5, 256, 0);
  const half = (of: Machine) => shareStateCache(of.disk, { url: of.url, origin: originOf(KEY, 'bf16'), dtype: 'bf16' });
  await half(one).store('0-1', rounded);
  expect((await storedStates(context.db, { origin: originOf(KEY, 'bf16'), name: '0-1' }))?.sizeBytes).toBe(8);
  expect(await half(other).load('0-1')).toEqual(rounded);
});

it('lets one attempt claim a window over all machines, until it releases it or its lease is over', async () => {
  const [one, other] = await two();
  const claim = await one.cache.claim('0');
  expect(claim).not.toBeNull();
  expect(await other.cache.claim('0')).toBeNull();
  await claim?.release();
  const next = await other.cache.claim('0');
  expect(next).not.toBeNull();
  expect(await one.cache.claim('0')).toBeNull();
  // What an attempt that is over releases is another's by now.
  await claim?.release();
  expect(await one.cache.claim('0')).toBeNull();
  await context.db.change(
    `update contigua.jobs set lease_until = clock_timestamp() - interval '1 s' where key = '4-5'`,
  );
  expect(await one.cache.claim('0')).not.toBeNull();
  await context.db.change(`update contigua.jobs set attempt = 2 where key = '0-1'`);
  await context.db.change(
    `update contigua.jobs set lease_until = clock_timestamp() + interval '1 h' where key = '4-5'`,
  );
  expect(await other.cache.claim('0')).not.toBeNull();
});

it('stores no more than the run may, and nothing where nobody else works', async () => {
  const [one, other] = await two(values.byteLength);
  await one.cache.store('0-1', values);
  expect(await one.cache.store('0-2', values)).toBe(true);
  expect(await other.cache.has('0-1')).toBe(true);
  expect(await other.cache.has('0-2')).toBe(false);
  await context.db.change(`delete from contigua.workers where id = 'two'`);
  const third = await machine('one', await attempt('8-9'));
  await third.cache.store('0-3', values);
  expect(await other.cache.has('0-3')).toBe(false);
  expect(sentences).toEqual([]);
});

it('forgets states that the store has lost or that were damaged, so that they are computed again', async () => {
  const [one, other] = await two();
  for (const damage of ['lose', 'damage'] as const) {
    const name = damage === 'lose' ? '0-1' : '0-2';
    await one.cache.store(name, values);
    const stored = await storedStates(context.db, { origin: originOf(KEY, 'f32'), name });
    const path = join(folder, 'store', ...(stored?.key ?? '').split('/'));
    if (damage === 'lose') await rm(path);
    else await flipBit(path, 17);
    expect(await other.cache.load(name)).toBeNull();
    expect(await other.cache.has(name)).toBe(false);
    await other.cache.store(name, values);
    expect(await (await machine('two', await attempt(`again-${damage}`))).cache.load(name)).toEqual(values);
  }
});

it('goes on with its own disk while the store or the job runner does not answer, and says so once', async () => {
  const down = async () => {
    throw new ContiguaError('store-unreachable', 'The bucket refused the request');
  };
  const broken: ArtifactStore = {
    where: 'nowhere',
    put: down,
    open: down,
    localCopy: down,
    delete: down,
    list: store.list,
  };
  const [one, other] = await two(BUDGET, broken);
  expect(await one.cache.store('0-1', values)).toBe(true);
  expect(await one.cache.store('0-2', values)).toBe(true);
  expect(await one.cache.load('0-1')).toEqual(values);
  expect(sentences).toEqual([expect.stringContaining('The bucket refused the request')]);
  // Recorded by a machine that reached the store: not had, and then not asked for again and again.
  const working = await machine('one', await attempt('8-9'));
  await working.cache.store('0-3', values);
  expect(await other.cache.has('0-3')).toBe(true);
  expect(await other.cache.load('0-3')).toBeNull();
  expect(await other.cache.has('0-3')).toBe(false);
  for (const server of servers.splice(0)) await server.close();
  expect(await one.cache.load('0-1')).toEqual(values);
  const claim = await one.cache.claim('7');
  expect(claim).not.toBeNull();
  await claim?.release();
});

it('is nobody’s place once the attempt is over, nor at another address or for another name', async () => {
  const [one] = await two();
  const ask = async (path: string, method = 'GET') => (await fetch(new URL(path, one.url), { method })).status;
  const origin = originOf(KEY, 'f32');
  expect(await ask(`states?origin=${origin}&name=0-1`)).toBe(404);
  for (const path of [
    `../${'0'.repeat(64)}/states?origin=${origin}&name=0-1`,
    `states?origin=${origin}&name=../0-1`,
    `states?origin=x&name=0-1`,
    'else',
  ]) {
    expect(await ask(path)).toBe(405);
  }
  expect(await ask(`states?origin=${origin}&name=0-1`, 'PUT')).toBe(405);
  one.end();
  expect(await ask(`states?origin=${origin}&name=0-1`)).toBe(405);
});

it('leaves nothing in the store when the run ends, nor what is stored after that', async () => {
  const [one, other] = await two();
  await one.cache.store('0-1', values);
  await one.cache.claim('3');
  await context.db.transaction(async (db) => {
    await db.change(`update contigua.runs set state = 'done' where id = 'run'`);
    await discardStates(db, 'run');
  });
  await one.cache.store('0-2', values);
  expect(await other.cache.has('0-1')).toBe(false);
  expect(await other.cache.has('0-2')).toBe(false);
  expect(await context.db.rows(z.unknown(), 'select 1 from contigua.state_claims')).toEqual([]);
  await collectGarbage(context, store);
  const left: string[] = [];
  for await (const key of store.list('runs/run/')) left.push(key);
  expect(left).toEqual([]);
});

describe('two job runners that train on one run', () => {
  const { config } = goldenQ1();
  const batches = syntheticBatches(config, { batch: 2, seed: 3 });
  const inputs = batches.inputs(0);
  const stateBytes = 4 * inputs.batch * (inputs.imageTokens + inputs.textTokens) * config.width;
  const BATCHES = 6;
  const settings = { batches: BATCHES, sweepBytes: 3 * stateBytes, dtype: 'f32' } as const;
  const boundary = { before: 0, after: 1 };

  /** A teacher no block of which stays in memory, and how often its first block was read. */
  async function streamed() {
    const { files } = await tinyModel();
    const [path = ''] = Object.keys(files).filter((name) => name.endsWith('.safetensors'));
    const { blob, reads } = countingReads(new Blob([files[path]!]));
    const checkpoint = await openCheckpoint([{ path, blob }]);
    const transformer = await openTransformer(config, checkpoint, { residentBytes: 0 });
    const { start, end } = checkpoint.tensors.get('transformer_blocks.0.attn.to_q.weight')!;
    return { transformer, readsOfFirst: () => reads.filter(([from, to]) => from <= start && to >= end).length };
  }

  async function all(transformer: Transformer, cache: StateCache | null): Promise<Float32Array[]> {
    const shared = cache && { cache, keep: [0, 1] };
    const states = new TeacherStates(transformer, batches, shared, settings);
    const found: Float32Array[] = [];
    for (let i = 0; i < BATCHES; i++) {
      const batch = await states.at(i, boundary);
      for (const tensor of [batch.before.image, batch.before.text, batch.after.image, batch.after.text]) {
        found.push(Float32Array.from(await tensor!.data<'float32'>()));
      }
      releaseBatch(transformer, batch);
    }
    return found;
  }

  it('sweep the teacher once between them, and see the same bits as one alone', async () => {
    await startTestEngine('wasm');
    const alone = await streamed();
    const expected = await all(alone.transformer, null);
    const windows = BATCHES / 3;
    expect(alone.readsOfFirst()).toBeGreaterThanOrEqual(windows);
    const machines = await two();
    const teachers = [await streamed(), await streamed()] as const;
    const found = await Promise.all(teachers.map(({ transformer }, i) => all(transformer, machines[i]!.cache)));
    expect(found).toEqual([expected, expected]);
    expect(teachers[0].readsOfFirst() + teachers[1].readsOfFirst()).toBe(windows);
    // One that comes later sweeps nothing.
    const late = await streamed();
    expect(await all(late.transformer, (await machine('two', await attempt('8-9'))).cache)).toEqual(expected);
    expect(late.readsOfFirst()).toBe(0);
    for (const { transformer } of [alone, ...teachers, late]) transformer.dispose();
    expect(sentences).toEqual([]);
  });
});
