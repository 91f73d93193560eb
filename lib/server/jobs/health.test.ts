import { mkdtemp, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makePostgres, type TestPostgres, whyNoPostgres } from '../proof/postgres.ts';
import { openRuns } from '../runs/open.ts';
import { assertJobRunner } from './health.ts';

const reason = whyNoPostgres();
if (reason) console.error(`SKIPPED: the health of a job runner. ${reason}`);

describe.skipIf(reason !== null)('the health check of a job runner', () => {
  let postgres: TestPostgres;
  let folder = '';
  beforeAll(async () => {
    postgres = await makePostgres();
    folder = await mkdtemp(join(tmpdir(), 'contigua-health-'));
  }, 600_000);
  afterAll(async () => {
    await postgres?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  it('passes for a runner of this machine with an engine that was just seen, and for no other', async () => {
    const url = await postgres.database('health');
    await expect(assertJobRunner('postgres://nobody@127.0.0.1:1/none')).rejects.toMatchObject({
      code: 'database-unreachable',
    });
    const { context, close } = await openRuns({ databaseUrl: url, dataFolder: folder }, () => {});
    const register = async (host: string, name: string, why: string, age: string) => {
      await context.db.change('delete from contigua.workers');
      await context.db.change(
        `insert into contigua.workers (id, host, pid, slots, report, seen_at)
         values ('one', $1, 1, 1, $2::text::jsonb, clock_timestamp() - $3::interval)`,
        [host, JSON.stringify({ name, device: '', threads: null, why, candidates: [] }), age],
      );
    };
    try {
      await expect(assertJobRunner(url)).rejects.toThrow(/takes jobs.*none in the database/);
      await register(hostname(), 'wasm', 'as asked', '0 s');
      await assertJobRunner(url);
      await register(hostname(), 'wasm', 'as asked', '1 hour');
      await expect(assertJobRunner(url)).rejects.toThrow('not seen for 20 s');
      await register(hostname(), '', 'No engine starts here.', '0 s');
      await expect(assertJobRunner(url)).rejects.toThrow('No engine starts here');
      await register('elsewhere', 'wasm', 'as asked', '0 s');
      await expect(assertJobRunner(url)).rejects.toThrow('none in the database');
    } finally {
      await close();
    }
  });
});
