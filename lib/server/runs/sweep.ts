/**
 * Repairs the queue: jobs whose worker is gone are queued again, queued jobs without a ticket get one, and workers that have
 * been silent for long are deleted. Every host and worker does this every few seconds; doing it twice changes nothing.
 */
import { z } from 'zod';
import type { Attempt } from './attempt.ts';
import type { RunContext } from './context.ts';
import { changeRun } from './events.ts';
import { loseAttempt } from './take.ts';

/** A waiting job's ticket is looked for after so long. */
const TICKET_S = 60;
const FORGET_S = 600;
/** Attempts of a job that may die in a row without a checkpoint between them. */
export const MAX_LOSSES = 10;

const heldRow = z
  .object({ id: z.int(), run_id: z.string(), attempt: z.int(), step: z.int(), worker_id: z.string().nullable() })
  .transform(({ id, run_id, attempt, step, worker_id }) => ({
    attempt: { runId: run_id, jobId: id, number: attempt } satisfies Attempt,
    step,
    worker: worker_id ?? 'nobody',
  }));

export async function sweep(context: RunContext, maxLosses: number): Promise<void> {
  const { db } = context;
  const lost = await db.rows(
    heldRow,
    `select id, run_id, attempt, step, worker_id from contigua.jobs
     where state = 'running' and lease_until < clock_timestamp()`,
  );
  for (const { attempt, step, worker } of lost) {
    const reason = `Attempt ${attempt.number} ended near step ${step}: worker ${worker} stopped responding.`;
    await loseAttempt(context, attempt, reason, maxLosses);
  }
  const waiting = await db.rows(
    z.object({ run_id: z.string() }),
    `select distinct run_id from contigua.jobs
     where state = 'queued' and queued_at < clock_timestamp() - $1 * interval '1 second'`,
    [TICKET_S],
  );
  for (const { run_id } of waiting) await resend(context, run_id);
  await db.change(`delete from contigua.workers where seen_at < clock_timestamp() - $1 * interval '1 second'`, [
    FORGET_S,
  ]);
}

async function resend(context: RunContext, runId: string): Promise<void> {
  await changeRun(context, runId, async ({ jobs, enqueue }) => {
    for (const job of await jobs()) if (job.state === 'queued') await enqueue(job);
  });
}

/** At the start of the one process that owns an embedded database: all other workers and holders of jobs have ended. */
export async function recoverAlone(context: RunContext, maxLosses: number): Promise<void> {
  await context.db.change('delete from contigua.workers', []);
  const held = await context.db.rows(
    heldRow,
    `select id, run_id, attempt, step, worker_id from contigua.jobs where state = 'running'`,
  );
  for (const { attempt, step } of held) {
    const reason = `Attempt ${attempt.number} ended near step ${step}: the process that ran it has ended.`;
    await loseAttempt(context, attempt, reason, maxLosses);
  }
}
