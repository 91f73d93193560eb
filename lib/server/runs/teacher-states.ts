/**
 * Which teacher states of a run the artifact store holds, and who computes which: what job runners on several machines
 * share beyond the cache on each one's disk. States are named by origin (engine, model, data) and name (batch and block),
 * as in that cache. A claim is an attempt's, and ends with its lease: there is nothing to renew. States go when their run
 * ends; a run of the same origin that still wants them computes them again.
 */
import { z } from 'zod';
import type { StoredArtifact } from '../artifacts/store.ts';
import { type Database, firstRow, type Queryable } from '../database/database.ts';
import { discard, discardFolder, runFolder } from './garbage.ts';

/** An attempt at a job. */
export interface Claimant {
  readonly jobId: number;
  readonly number: number;
}

export interface StateName {
  readonly origin: string;
  readonly name: string;
}

/** A job runner that was not seen for so long does not count as one that shares. */
const GONE_AFTER_S = 30;

const stateRow = z.object({ key: z.string(), size_bytes: z.number(), sha256: z.string() });

export function statesFolder(runId: string): string {
  return `${runFolder(runId)}states/`;
}

/** False while another attempt that is alive computes it. */
export async function claimStates(db: Queryable, attempt: Claimant, { origin, name }: StateName): Promise<boolean> {
  const taken = await db.change(
    `insert into contigua.state_claims as held (origin, name, job_id, attempt)
     select $1::text, $2::text, id, attempt from contigua.jobs where id = $3 and attempt = $4 and state = 'running'
     on conflict (origin, name) do update set job_id = excluded.job_id, attempt = excluded.attempt
     where held.job_id = excluded.job_id or not exists (
       select 1 from contigua.jobs j where j.id = held.job_id and j.attempt = held.attempt and j.state = 'running'
         and j.lease_until > clock_timestamp())`,
    [origin, name, attempt.jobId, attempt.number],
  );
  return taken > 0;
}

export async function releaseStates(db: Queryable, attempt: Claimant, { origin, name }: StateName): Promise<void> {
  await db.change(
    'delete from contigua.state_claims where origin = $1 and name = $2 and job_id = $3 and attempt = $4',
    [origin, name, attempt.jobId, attempt.number],
  );
}

export async function storedStates(db: Queryable, { origin, name }: StateName): Promise<StoredArtifact | null> {
  const row = await firstRow(
    db,
    stateRow,
    'select key, size_bytes::float8 as size_bytes, sha256 from contigua.teacher_states where origin = $1 and name = $2',
    [origin, name],
  );
  return row ? { key: row.key, sizeBytes: row.size_bytes, sha256: row.sha256 } : null;
}

export async function storedBytes(db: Queryable, runId: string): Promise<number> {
  const row = await firstRow(
    db,
    z.object({ bytes: z.number() }),
    'select coalesce(sum(size_bytes), 0)::float8 as bytes from contigua.teacher_states where run_id = $1',
    [runId],
  );
  return row?.bytes ?? 0;
}

/** Tells the others of stored states. Where the run is over, or somebody else was faster, the file is nobody's and goes. */
export async function recordStates(
  db: Database,
  runId: string,
  { origin, name }: StateName,
  { key, sizeBytes, sha256 }: StoredArtifact,
): Promise<void> {
  await db.transaction(async (transaction) => {
    const recorded = await transaction.change(
      `insert into contigua.teacher_states (origin, name, run_id, key, size_bytes, sha256)
       select $1::text, $2::text, id, $4::text, $5::float8::bigint, $6::text from contigua.runs
       where id = $3 and state not in ('done', 'failed', 'cancelled')
       on conflict (origin, name) do nothing`,
      [origin, name, runId, key, sizeBytes, sha256],
    );
    if (recorded === 0) await discard(transaction, [key]);
  });
}

/** What the store does not hold, or not as it was stored. */
export async function forgetStates(db: Database, key: string): Promise<void> {
  await db.transaction(async (transaction) => {
    await transaction.change('delete from contigua.teacher_states where key = $1', [key]);
    await discard(transaction, [key]);
  });
}

/** At the end of a run, in the transaction that ends it. */
export async function discardStates(db: Queryable, runId: string): Promise<void> {
  await db.change(
    'delete from contigua.state_claims where job_id in (select id from contigua.jobs where run_id = $1)',
    [runId],
  );
  const gone = await db.change('delete from contigua.teacher_states where run_id = $1', [runId]);
  if (gone > 0) await discardFolder(db, statesFolder(runId));
}

/** Whether anybody else could use what this job runner computes. */
export async function othersAtWork(db: Queryable, runnerId: string): Promise<boolean> {
  const others = await db.rows(
    z.unknown(),
    `select 1 from contigua.workers
     where id <> $1 and slots > 0 and seen_at > clock_timestamp() - $2 * interval '1 second' limit 1`,
    [runnerId, GONE_AFTER_S],
  );
  return others.length > 0;
}
