/** What the server panel shows: database, store, room on the disk, and who works. */
import { statfs } from 'node:fs/promises';
import { z } from 'zod';
import type { ArtifactStore } from './artifacts/store.ts';
import type { ServerStatus, WorkerView } from './backend.ts';
import { firstRow } from './database/database.ts';
import type { RunContext } from './runs/context.ts';
import { engineReport } from './runs/rows.ts';

/** A worker that was not seen for so long counts as dead. */
const DEAD_AFTER_S = 30;

const workerRow = z.object({
  id: z.string(),
  host: z.string(),
  slots: z.int(),
  report: engineReport,
  seen_at: z.date(),
  alive: z.boolean(),
});
const heldRow = z.object({ worker_id: z.string().nullable(), run_id: z.string(), key: z.string() });

export async function serverStatus(
  { db }: RunContext,
  store: ArtifactStore,
  dataFolder: string,
): Promise<ServerStatus> {
  const workers = await db.rows(
    workerRow,
    `select id, host, slots, report, seen_at, seen_at > clock_timestamp() - $1 * interval '1 second' as alive
     from contigua.workers order by started_at, id`,
    [DEAD_AFTER_S],
  );
  const held = await db.rows(heldRow, `select worker_id, run_id, key from contigua.jobs where state = 'running'`);
  const waiting = await firstRow(
    db,
    z.object({ queued: z.int() }),
    `select count(*)::int as queued from contigua.jobs where state = 'queued'`,
  );
  const { bavail, bsize } = await statfs(dataFolder);
  return {
    database: db.where,
    artifacts: store.where,
    workers: workers.map(({ id, host, slots, report, seen_at, alive }): WorkerView => {
      const { name, device, why, candidates } = report;
      const jobs = held.filter(({ worker_id }) => worker_id === id).map(({ run_id, key }) => ({ runId: run_id, key }));
      const offered = candidates.map((one) => ({ name: one.name, available: one.available, reason: one.reason }));
      return {
        id,
        host,
        engine: name,
        device,
        why,
        candidates: offered,
        slots,
        jobs,
        seenAt: seen_at.toISOString(),
        alive,
      };
    }),
    queued: waiting?.queued ?? 0,
    freeDiskBytes: bavail * bsize,
  };
}
