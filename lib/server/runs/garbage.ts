/**
 * Stored files that nobody needs any more. They are noted in the transaction that makes them superfluous and deleted by
 * whoever comes by, again and again until the store has done it: neither a crash nor an unreachable store leaves them
 * behind, and no file goes before the change that replaces it is certain.
 */
import { z } from 'zod';
import type { ArtifactStore } from '../artifacts/store.ts';
import type { Queryable } from '../database/database.ts';
import type { RunContext } from './context.ts';

const AT_ONCE = 50;
const RETRY_S = 60;
/** Longer than a fenced worker takes to notice: it may still store what nobody wants. */
const STRAGGLERS_S = 60;

export function runFolder(runId: string): string {
  return `runs/${runId}/`;
}

export function attemptFolder(runId: string, jobKey: string, attempt: number): string {
  return `${runFolder(runId)}${jobKey}/${attempt}/`;
}

export async function discard(db: Queryable, keys: readonly string[]): Promise<void> {
  for (const key of keys) await db.change('insert into contigua.garbage (key) values ($1)', [key]);
}

/** Everything under a prefix, now and once more when stragglers have stopped. */
export async function discardFolder(db: Queryable, prefix: string): Promise<void> {
  await db.change(
    `insert into contigua.garbage (key, is_folder, due_at)
     values ($1, true, clock_timestamp()), ($1, true, clock_timestamp() + $2 * interval '1 second')`,
    [prefix, STRAGGLERS_S],
  );
}

/**
 * For an attempt that stores nothing more: where its run was deleted meanwhile, what it stored since then goes too. An
 * upload may take longer than stragglers are waited for.
 */
export async function discardIfDeleted(db: Queryable, runId: string): Promise<void> {
  await db.change(
    `insert into contigua.garbage (key, is_folder)
     select $1::text, true where not exists (select 1 from contigua.runs where id = $2)`,
    [runFolder(runId), runId],
  );
}

const garbageRow = z.object({ id: z.int(), key: z.string(), is_folder: z.boolean() });

/** Deletes what is due. Rejects with the store's error, after which the files stay noted for later. */
export async function collectGarbage({ db }: RunContext, store: ArtifactStore): Promise<void> {
  const due = await db.rows(
    garbageRow,
    `update contigua.garbage set due_at = clock_timestamp() + $1 * interval '1 second'
     where id in (select id from contigua.garbage where due_at <= clock_timestamp() order by id limit $2 for update skip locked)
     returning id, key, is_folder`,
    [RETRY_S, AT_ONCE],
  );
  for (const { id, key, is_folder } of due) {
    if (is_folder) for await (const one of store.list(key)) await store.delete(one);
    else await store.delete(key);
    await db.change('delete from contigua.garbage where id = $1', [id]);
  }
}
