/** Taking jobs, keeping them, and letting go of them: what a worker does but for the training itself. */
import { z } from 'zod';
import type { JobWorker } from '../../core/run/index.ts';
import type { NodeEngine } from '../../core/tensor/engine.ts';
import { firstRow, json } from '../database/database.ts';
import type { Lane } from '../queue.ts';
import { type Attempt, addNote, asAttempt, Fenced, type Held } from './attempt.ts';
import { checkpointsOf, goBackTo } from './checkpoints.ts';
import type { RunContext } from './context.ts';
import { changeFoundRun, isReady } from './events.ts';
import { type CheckpointRow, type JobRow, jobRow, type RunRow } from './rows.ts';
import { measuringOf } from './subsets.ts';

export interface TakenJob {
  readonly attempt: Attempt;
  readonly job: JobRow;
  readonly run: RunRow;
  /** All jobs of the run, for those that build on the others' students. */
  readonly jobs: readonly JobRow[];
  /** Newest first. */
  readonly checkpoints: readonly CheckpointRow[];
}

/**
 * The next waiting job that one of the engines may do. Tickets of jobs that wait no more are consumed on the way; null
 * where no ticket is left.
 */
export async function takeJob(
  context: RunContext,
  lane: Lane,
  engines: readonly NodeEngine[],
  worker: JobWorker,
  leaseMs: number,
): Promise<TakenJob | null> {
  for (;;) {
    let ticket: number | null = null;
    const taken = await changeFoundRun(
      context,
      async (db) => {
        ticket = await context.queue.take(db, lane, engines);
        const runId = z.object({ run_id: z.string() });
        const job =
          ticket === null
            ? undefined
            : await firstRow(db, runId, 'select run_id from contigua.jobs where id = $1', [ticket]);
        return job?.run_id ?? null;
      },
      async ({ db, run, jobs, tellJob }) => {
        // What it rests on may have begun again since the ticket was sent; its end sends another one.
        const all = await jobs();
        const asked = all.find(({ id }) => id === ticket);
        if (asked && asked.kind !== 'measure' && !isReady(asked, all)) return null;
        const job = await firstRow(
          db,
          jobRow,
          `update contigua.jobs set state = 'running', attempt = attempt + 1, worker_id = $2, worker = $3::text::jsonb,
             lease_until = clock_timestamp() + $4 * interval '1 millisecond', error = null, steps_per_second = null
           where id = $1 and state = 'queued' returning *`,
          [ticket, worker.id, json(worker), leaseMs],
        );
        if (!job) return null;
        const checkpoints = await checkpointsOf(db, job.id);
        await goBackTo(db, job.id, checkpoints[0]);
        await tellJob(job.id);
        const attempt = { runId: run.id, jobId: job.id, number: job.attempt };
        return { attempt, job, run, jobs: await jobs(), checkpoints };
      },
    );
    if (taken || ticket === null) return taken;
  }
}

/** Who computes it after all: the run asked for another engine than the worker's own. */
export async function storeWorker(context: RunContext, attempt: Attempt, worker: JobWorker): Promise<void> {
  await asAttempt(context, attempt, async ({ db, job, tellJob }) => {
    await db.change('update contigua.jobs set worker = $2::text::jsonb where id = $1', [job.id, json(worker)]);
    await tellJob(job.id);
  });
}

/** Extends the leases of a worker's attempts: which jobs are still theirs, which are to pause, and whether the worker is in the list. */
export async function heartbeat(
  { db }: RunContext,
  workerId: string,
  attempts: readonly Attempt[],
  leaseMs: number,
): Promise<{ readonly mine: ReadonlyMap<number, { readonly pausing: boolean }>; readonly known: boolean }> {
  const seen = await db.change('update contigua.workers set seen_at = clock_timestamp() where id = $1', [workerId]);
  const mine = new Map<number, { readonly pausing: boolean }>();
  // One by one: a statement that locks two rows could wait for a change of the run that waits for it.
  for (const { jobId, number } of attempts) {
    const held = await firstRow(
      db,
      z.object({ pausing: z.boolean() }),
      `update contigua.jobs set lease_until = clock_timestamp() + $4 * interval '1 millisecond'
       where id = $1 and attempt = $2 and state = 'running' and worker_id = $3 returning pausing`,
      [jobId, number, workerId, leaseMs],
    );
    if (held) mine.set(jobId, held);
  }
  return { mine, known: seen > 0 };
}

/** Ends it with an error that its user can read; the checkpoints stay for a retry. */
export async function failJob(context: RunContext, attempt: Attempt, message: string): Promise<void> {
  await asAttempt(
    context,
    attempt,
    (held) => endWithError(held, message),
    (job) => {
      if (job?.attempt !== attempt.number || job.state !== 'failed') throw new Fenced('another attempt has the job');
    },
  );
}

async function endWithError({ db, job, tell, tellJob }: Held, message: string): Promise<void> {
  await db.change(
    `update contigua.jobs set state = 'failed', error = $2, pausing = false, lease_until = null, worker_id = null,
       steps_per_second = null where id = $1`,
    [job.id, message],
  );
  if (job.choice) await tell({ ...measuringOf(job.choice, 0, 1), error: message });
  else await tellJob(job.id);
}

/** The attempt ended in order: its job waits for the next worker, or for its user who paused it. No loss, whatever the note says. */
export async function giveBack(context: RunContext, attempt: Attempt, note: string | null = null): Promise<void> {
  await asAttempt(
    context,
    attempt,
    async (held) => {
      if (note !== null) await addNote(held.db, held.job.id, note);
      await waitAgain(held);
    },
    () => {},
  );
}

/** Keeps its place: the time since which it waits stays, and no job that was never begun goes before it. */
async function waitAgain({ db, job, tellJob, enqueue }: Held): Promise<void> {
  await db.change(
    `update contigua.jobs set state = $2, pausing = false, lease_until = null, worker_id = null,
       steps_per_second = null where id = $1`,
    [job.id, job.pausing ? 'paused' : 'queued'],
  );
  if (!job.pausing) await enqueue(job, 'next');
  await tellJob(job.id);
}

/**
 * The attempt's process died. The job waits for the next worker, or, after so many deaths without a checkpoint between
 * them, ends: what kills every process that touches it is not to be tried for ever.
 */
export async function loseAttempt(
  context: RunContext,
  attempt: Attempt,
  reason: string,
  maxLosses: number,
): Promise<void> {
  await asAttempt(
    context,
    attempt,
    async (held) => {
      const { db, job } = held;
      const losses = job.losses + 1;
      await db.change('update contigua.jobs set losses = $2 where id = $1', [job.id, losses]);
      if (losses >= maxLosses) {
        const tried = `It was tried ${losses} times without reaching another checkpoint.`;
        await endWithError(held, `${reason} ${tried} Retry it, perhaps with a smaller batch.`);
        return;
      }
      await addNote(db, job.id, reason);
      await waitAgain(held);
    },
    () => {},
  );
}
