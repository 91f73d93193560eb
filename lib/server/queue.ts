/**
 * What waits for a worker: tickets in pg-boss, each naming one job. A ticket is sent in the transaction that makes the job
 * wait, and fetched and deleted in the transaction in which a worker takes the job over, so neither can be without the
 * other; from then on the job's own lease says whose it is. There is one ticket per job, looked for before one is sent: a
 * unique index would do the same, but make senders and takers wait for each other, each holding what the other needs.
 *
 * pg-boss polls here; its LISTEN/NOTIFY left jobs of a backlog waiting for half a minute each. Its retries, expiry and
 * schedules are not used, since a job outlives many hours and its attempts are fenced by leases.
 */
import { PgBoss } from 'pg-boss';
import { z } from 'zod';
import { NODE_ENGINES, type NodeEngine } from '../core/tensor/engine.ts';
import type { Database, Queryable } from './database/database.ts';

/** Training fills a worker's slots for hours; measuring a choice of students must not wait for that. */
export type Lane = 'train' | 'measure';

const SCHEMA = 'contigua_queue';
/** Another number than the one in database/migrations.ts. */
const LOCK = 7_215_035;
const TEN_YEARS_S = 10 * 365 * 24 * 3600;
const ticket = z.object({ job: z.int() });

export interface JobQueue {
  /** In the caller's transaction, which holds the lock of the job's run; a ticket that is there already stays the only one. */
  send(db: Queryable, lane: Lane, engine: NodeEngine, job: number, place?: 'next'): Promise<void>;
  /** The job of the oldest ticket, of those sent as `next` first, for one of the engines, gone from the queue if the transaction commits. */
  take(db: Queryable, lane: Lane, engines: readonly NodeEngine[]): Promise<number | null>;
  stop(): Promise<void>;
}

/** `onError` hears of pg-boss' own background failures, such as a database that does not answer. */
export async function openQueue(db: Database, onError: (error: Error) => void): Promise<JobQueue> {
  const boss = new PgBoss({
    db: db.forQueue,
    backend: db.embedded ? 'pglite' : 'postgres',
    schema: SCHEMA,
    supervise: false,
    schedule: false,
    registerInstance: false,
  });
  boss.on('error', onError);
  await oneAtATime(db, async () => {
    await boss.start();
    const names = (['train', 'measure'] as const).flatMap((lane) => NODE_ENGINES.map((engine) => nameOf(lane, engine)));
    for (const name of names) {
      await boss.createQueue(name, { retentionSeconds: TEN_YEARS_S });
      // Known before the first transaction: on the embedded database a look-up inside one would wait for itself.
      await boss.findJobs(name, { limit: 1 });
    }
  });
  return {
    async send({ forQueue }, lane, engine, job, place) {
      const name = nameOf(lane, engine);
      const data: z.infer<typeof ticket> = { job };
      // One that is being taken this moment still shows, and finds the job waiting once this transaction is through.
      const sent = await boss.findJobs(name, { key: String(job), queued: true, limit: 1, db: forQueue });
      if (sent.length > 0) return;
      // A job that lost its worker waited its turn before: it does not wait for it again behind a long backlog.
      const priority = place === 'next' ? 1 : 0;
      await boss.send(name, data, { db: forQueue, singletonKey: String(job), priority });
    },
    async take({ forQueue }, lane, engines) {
      for (const engine of engines) {
        const name = nameOf(lane, engine);
        const [fetched] = await boss.fetch(name, { db: forQueue });
        if (!fetched) continue;
        await boss.deleteJob(name, fetched.id, { db: forQueue });
        return ticket.parse(fetched.data).job;
      }
      return null;
    },
    // Its database is not its own.
    stop: () => boss.stop({ graceful: false, close: false }),
  };
}

/** Processes that start together on an empty server make its schema one after the other; pg-boss' own lock came too late. */
async function oneAtATime(db: Database, work: () => Promise<void>): Promise<void> {
  // Alone anyway, and its one connection would be the transaction's.
  if (db.embedded) return await work();
  await db.transaction(async (transaction) => {
    await transaction.rows(z.unknown(), 'select pg_advisory_xact_lock($1)', [LOCK]);
    await work();
  });
}

function nameOf(lane: Lane, engine: NodeEngine): string {
  return `${lane}-${engine}`;
}
