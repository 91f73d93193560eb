/**
 * Whether a job runner of this machine is at work: it was seen in the database a moment ago, and has an engine. Asked by
 * the health check of a container (scripts/health.mjs), which has one job runner and a host name of its own.
 */
import { hostname } from 'node:os';
import { z } from 'zod';
import { ContiguaError } from '../../core/errors.ts';
import { firstRow } from '../database/database.ts';
import { openPostgres } from '../database/postgres.ts';
import { readEnv } from '../env.ts';
import { DEFAULT_TIMING } from '../runs/context.ts';

const runnerRow = z.object({ engine: z.string(), why: z.string(), alive: z.boolean() });

/** Rejects with a sentence where there is none. */
export async function assertJobRunner(
  databaseUrl: string | null = readEnv().databaseUrl,
  host: string = hostname(),
): Promise<void> {
  if (databaseUrl === null) {
    throw new ContiguaError('usage', 'A job runner of its own needs PostgreSQL', { expected: 'DATABASE_URL' });
  }
  const db = openPostgres(databaseUrl);
  try {
    const runner = await firstRow(
      db,
      runnerRow,
      `select report ->> 'name' as engine, report ->> 'why' as why,
         seen_at > clock_timestamp() - $2 * interval '1 millisecond' as alive
       from contigua.workers where host = $1 order by seen_at desc limit 1`,
      [host, DEFAULT_TIMING.lease],
    );
    if (runner?.alive && runner.engine !== '') return;
    throw new ContiguaError('not-ready', `No job runner of ${host} takes jobs`, {
      found: runner
        ? (runner.alive && runner.why) || `not seen for ${DEFAULT_TIMING.lease / 1000} s`
        : 'none in the database',
    });
  } finally {
    await db.close();
  }
}
