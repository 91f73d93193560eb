import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startComputeProcess } from '../../compute/node-process.ts';
import { createBackend } from '../create-backend.ts';
import { startHost } from './host-process.ts';
import { makePostgres, type TestPostgres, whyNoPostgres } from './postgres.ts';
import { checksums, isDone, makeSetting, type Setting, until } from './setting.ts';

const reason = whyNoPostgres();
if (reason) console.error(`SKIPPED: teacher states of several machines. ${reason}`);

const ended: (() => Promise<unknown>)[] = [];
let postgres: TestPostgres;
beforeAll(async () => {
  if (!reason) postgres = await makePostgres();
}, 600_000);
afterAll(() => postgres?.remove());
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

const INTERVALS = [
  { first: 1, last: 2 },
  { first: 4, last: 5 },
];
/** After the blocks before and at the end of each interval. */
const BOUNDARIES = [0, 2, 3, 5];
const STEPS = { steps: 6, batch: 2, heldOutSamples: 2, heldOutEvery: 6, checkpointEvery: 3 } as const;

async function setting(): Promise<Setting> {
  const made = await makeSetting({}, {}, INTERVALS);
  ended.push(made.remove);
  return made;
}

const requestOf = (of: Setting) =>
  of.request(STEPS, { engine: 'wasm', data: { kind: 'synthetic' }, cacheBytes: 2 ** 26 });

async function filesBelow(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true }).catch(() => [])).filter((name) => name.includes('.'));
}

describe.skipIf(reason !== null)('two machines on one run', () => {
  it('take every batch through the teacher once between them, and train the students of one machine to the bit', {
    timeout: 1_800_000,
  }, async () => {
    const calm = await setting();
    const backend = await createBackend(calm.env, { ...calm.options, startCompute: startComputeProcess });
    const alone = await until(backend, await backend.createRun(requestOf(calm)), isDone);
    const reference = await checksums(backend, alone);
    await backend.close();

    const shared = await setting();
    const url = await postgres.database('shared_states');
    const artifacts = join(shared.folder, 'store');
    const machine = async (name: string) => {
      const env = { CONTIGUA_DATA: join(shared.folder, name), DATABASE_URL: url, CONTIGUA_SLOTS: '1' };
      const host = await startHost({ env: { ...env, CONTIGUA_ENGINE: 'wasm' }, fake: null, artifacts });
      ended.push(() => host.kill());
      return host;
    };
    const [one, two] = await Promise.all([machine('one'), machine('two')]);
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => {});
    await client.connect();
    ended.push(() => client.end());
    // Rows go when the run ends.
    await client.query(`
      create table public.shared (name text, run_id text);
      create function public.note() returns trigger language plpgsql as $$
        begin insert into public.shared values (new.name, new.run_id); return new; end $$;
      create trigger note after insert on contigua.teacher_states for each row execute function public.note()`);
    const known = async () => (await two.status()).workers.filter(({ alive }) => alive).length === 2;
    while (!(await known())) await new Promise((go) => setTimeout(go, 100));

    const view = await until(one, await one.createRun(requestOf(shared)), isDone);
    expect(await checksums(one, view)).toEqual(reference);
    // One job each: the slots are one and one.
    expect(new Set(view.jobs.map(({ worker }) => worker?.id)).size).toBe(2);
    const { rows } = await client.query<{ name: string }>('select name from public.shared');
    const names = Array.from({ length: STEPS.steps }, (_, batch) =>
      BOUNDARIES.map((block) => `${batch}-${block}`),
    ).flat();
    expect(rows.map(({ name }) => name).sort()).toEqual(names.sort());

    expect((await client.query('select 1 from contigua.teacher_states')).rows).toEqual([]);
    expect((await client.query('select 1 from contigua.state_claims')).rows).toEqual([]);
    await expect
      .poll(async () => (await filesBelow(artifacts)).filter((path) => path.includes('states')), { timeout: 120_000 })
      .toEqual([]);
    expect([...one.sentences, ...two.sentences].filter((text) => text.includes('Teacher states'))).toEqual([]);
  });
});
