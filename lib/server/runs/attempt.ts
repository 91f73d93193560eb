/**
 * One worker's hold on one job, and writing under it. Taking a job raises its attempt; everything an attempt writes is
 * conditional on still being the job's, so a worker that was given up, paused or cut off finds itself `Fenced` and changes
 * nothing. What is written may be written again after a database that did not answer: that leaves what the first one left.
 */
import { firstRow, type Queryable } from '../database/database.ts';
import type { RunContext } from './context.ts';
import { changeFoundRun, type LockedRun } from './events.ts';
import { type JobRow, jobRow } from './rows.ts';

/** One hold of a worker on a job. */
export interface Attempt {
  readonly runId: string;
  readonly jobId: number;
  readonly number: number;
}

/** The job is not this attempt's any more: stop, and leave everything as it is. */
export class Fenced extends Error {
  override readonly name = 'Fenced';
}

export interface Held extends LockedRun {
  readonly job: JobRow;
}

/** `work` on a job that is the attempt's; rejects with `Fenced` where it is not. */
export async function asAttempt<T>(
  context: RunContext,
  { runId, jobId, number }: Attempt,
  work: (held: Held) => Promise<T>,
  otherwise: (job: JobRow | undefined) => T = () => {
    throw new Fenced(`attempt ${number} of job ${jobId} is over`);
  },
): Promise<T> {
  const result = await changeFoundRun(
    context,
    async () => runId,
    async (locked) => {
      const job = await firstRow(locked.db, jobRow, 'select * from contigua.jobs where id = $1', [jobId]);
      if (job?.attempt !== number || job.state !== 'running') return { value: otherwise(job) };
      return { value: await work({ ...locked, job }) };
    },
  );
  if (!result) throw new Fenced(`run ${runId} is gone`);
  return result.value;
}

export async function noteOnJob(context: RunContext, attempt: Attempt, note: string): Promise<void> {
  await asAttempt(context, attempt, async ({ db, job, tellJob }) => {
    await addNote(db, job.id, note);
    await tellJob(job.id);
  });
}

const MAX_NOTE = 1000;

/** The newest sentences, each once: a job that is taken over every minute says so a few times, not a thousand. */
export async function addNote(db: Queryable, jobId: number, note: string): Promise<void> {
  await db.change(
    `update contigua.jobs set note = case when length(told) > $3 then '… ' || right(told, $3) else told end
     from (select id, case when note is null then $2 when position($2 in note) > 0 then note
       else note || ' ' || $2 end as told from contigua.jobs where id = $1) as newest
     where jobs.id = newest.id`,
    [jobId, note, MAX_NOTE],
  );
}
