/**
 * What a worker does to a job: takes it, keeps its lease, reports, ends it. Taking raises the attempt; everything an
 * attempt writes is conditional on still being the job's, so a worker that was given up, paused or cut off finds itself
 * `Fenced` and changes nothing. Each of these may be called again after a database that did not answer: a second time
 * leaves what the first one left, and the student's event is stored once because a job leaves `running` once.
 */
import { z } from 'zod';
import type { DistilProgress, HeldOutPoint, JobWorker, StepPoint, SubsetView } from '../../core/run/index.ts';
import type { StoredArtifact } from '../artifacts/store.ts';
import { firstRow, json, type Queryable } from '../database/database.ts';
import type { Lane, WantedEngine } from '../queue.ts';
import type { RunContext } from './context.ts';
import { changeFoundRun, type LockedRun } from './events.ts';
import { attemptFolder, discard, discardFolder } from './garbage.ts';
import { type CheckpointRow, checkpointRow, type JobRow, jobRow, type RunRow } from './rows.ts';

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

export interface TakenJob {
  readonly attempt: Attempt;
  readonly job: JobRow;
  readonly run: RunRow;
  /** All jobs of the run, for those that build on the others' students. */
  readonly jobs: readonly JobRow[];
  /** Newest first. */
  readonly checkpoints: readonly CheckpointRow[];
}

/** As many as are worth keeping: the newest, and one to fall back to if that turns out damaged. */
const KEPT_CHECKPOINTS = 2;

/**
 * The next waiting job that one of the engines may do. Tickets of jobs that wait no more are consumed on the way; null
 * where no ticket is left.
 */
export async function takeJob(
  context: RunContext,
  lane: Lane,
  engines: readonly WantedEngine[],
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

/** What was trained after the checkpoint happens again. */
async function goBackTo(db: Queryable, jobId: number, checkpoint: CheckpointRow | undefined): Promise<void> {
  await db.change('update contigua.jobs set step = $2, checkpoint_step = $2 where id = $1', [
    jobId,
    checkpoint?.step ?? 0,
  ]);
}

async function checkpointsOf(db: Queryable, jobId: number): Promise<CheckpointRow[]> {
  return await db.rows(
    checkpointRow,
    'select * from contigua.checkpoints where job_id = $1 order by step desc, attempt desc',
    [jobId],
  );
}

/** Who computes it after all: the run asked for another engine than the worker's own. */
export async function storeWorker(context: RunContext, attempt: Attempt, worker: JobWorker): Promise<void> {
  await asAttempt(context, attempt, async ({ db, job, tellJob }) => {
    await db.change('update contigua.jobs set worker = $2::text::jsonb where id = $1', [job.id, json(worker)]);
    await tellJob(job.id);
  });
}

/** Extends the leases of a worker's attempts: which jobs are still theirs, and whether the worker is in the list. */
export async function heartbeat(
  { db }: RunContext,
  workerId: string,
  attempts: readonly Attempt[],
  leaseMs: number,
): Promise<{ readonly mine: ReadonlySet<number>; readonly known: boolean }> {
  const seen = await db.change('update contigua.workers set seen_at = clock_timestamp() where id = $1', [workerId]);
  const mine = new Set<number>();
  // One by one: a statement that locks two rows could wait for a change of the run that waits for it.
  for (const { jobId, number } of attempts) {
    const held = await db.change(
      `update contigua.jobs set lease_until = clock_timestamp() + $4 * interval '1 millisecond'
       where id = $1 and attempt = $2 and state = 'running' and worker_id = $3`,
      [jobId, number, workerId, leaseMs],
    );
    if (held > 0) mine.add(jobId);
  }
  return { mine, known: seen > 0 };
}

interface Held extends LockedRun {
  readonly job: JobRow;
}

/** `work` on a job that is the attempt's; rejects with `Fenced` where it is not. */
async function asAttempt<T>(
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

/** Steps in order, at most a second's worth; those stored before are replaced. */
export async function storeSteps(
  context: RunContext,
  attempt: Attempt,
  points: readonly StepPoint[],
  stepsPerSecond: number | null,
): Promise<void> {
  const last = points.at(-1);
  if (!last) return;
  await asAttempt(context, attempt, async ({ db, job, tell }) => {
    await db.change(
      `insert into contigua.points (job_id, step, attempt, image, text, gradient_norm, learning_rate, duration_ms)
       select $1, step, $2, image, text, "gradientNorm", "learningRate", "durationMs"
       from jsonb_to_recordset($3::text::jsonb) as p (step int, image float8, text float8, "gradientNorm" float8,
         "learningRate" float8, "durationMs" float8)
       on conflict (job_id, step) do update set attempt = excluded.attempt, image = excluded.image, text = excluded.text,
         gradient_norm = excluded.gradient_norm, learning_rate = excluded.learning_rate, duration_ms = excluded.duration_ms`,
      [job.id, attempt.number, json(points)],
    );
    await db.change('update contigua.jobs set step = $2, steps_per_second = $3 where id = $1', [
      job.id,
      last.step,
      stepsPerSecond,
    ]);
    await tell({ type: 'steps', key: job.key, points });
  });
}

type Milestone = Extract<DistilProgress, { kind: 'baselines' | 'held-out' }>;

export async function storeMilestone(context: RunContext, attempt: Attempt, milestone: Milestone): Promise<void> {
  await asAttempt(context, attempt, async ({ db, job, tellJob }) => {
    if (milestone.kind === 'baselines') {
      await db.change('update contigua.jobs set baselines = $2::text::jsonb, start_block = $3 where id = $1', [
        job.id,
        json(milestone.baselines),
        milestone.startBlock,
      ]);
    } else {
      await storeHeldOut(db, job, milestone.point);
    }
    await tellJob(job.id);
  });
}

/** Points at later steps belong to work that was lost and is done again. */
async function storeHeldOut(db: Queryable, job: JobRow, point: HeldOutPoint): Promise<void> {
  const points = [...job.heldOut.filter(({ step }) => step < point.step), point];
  await db.change('update contigua.jobs set held_out = $2::text::jsonb where id = $1', [job.id, json(points)]);
}

/** The acknowledgement: from here on no later crash takes the job back behind this step. Older ones go. */
export async function storeCheckpoint(
  context: RunContext,
  attempt: Attempt,
  step: number,
  { key, sizeBytes, sha256 }: StoredArtifact,
  engine: string,
): Promise<void> {
  await asAttempt(context, attempt, async ({ db, job, tellJob }) => {
    await db.change(
      `insert into contigua.checkpoints (job_id, step, attempt, key, size_bytes, sha256, engine)
       values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing`,
      [job.id, step, attempt.number, key, sizeBytes, sha256, engine],
    );
    await db.change('update contigua.jobs set losses = 0, checkpoint_step = $2 where id = $1', [job.id, step]);
    await tellJob(job.id);
    const superfluous = (await checkpointsOf(db, job.id)).slice(KEPT_CHECKPOINTS);
    await removeCheckpoints(db, job.id, superfluous);
  });
}

async function removeCheckpoints(db: Queryable, jobId: number, rows: readonly CheckpointRow[]): Promise<void> {
  for (const { artifact } of rows) {
    await db.change('delete from contigua.checkpoints where job_id = $1 and key = $2', [jobId, artifact.key]);
  }
  await discard(
    db,
    rows.map(({ artifact }) => artifact.key),
  );
}

/** Damaged or missing, so that nobody tries it again; the job tells why it goes on from an older one. */
export async function dropCheckpoint(
  context: RunContext,
  attempt: Attempt,
  checkpoint: CheckpointRow,
  note: string,
): Promise<void> {
  await asAttempt(context, attempt, async ({ db, job, tellJob }) => {
    await removeCheckpoints(db, job.id, [checkpoint]);
    await goBackTo(db, job.id, (await checkpointsOf(db, job.id))[0]);
    await addNote(db, job.id, note);
    await tellJob(job.id);
  });
}

export async function noteOnJob(context: RunContext, attempt: Attempt, note: string): Promise<void> {
  await asAttempt(context, attempt, async ({ db, job, tellJob }) => {
    await addNote(db, job.id, note);
    await tellJob(job.id);
  });
}

const MAX_NOTE = 1000;

/** The newest sentences, each once: a job that is taken over every minute says so a few times, not a thousand. */
async function addNote(db: Queryable, jobId: number, note: string): Promise<void> {
  await db.change(
    `update contigua.jobs set note = right(case when note is null then $2 when position($2 in note) > 0 then note
       else note || ' ' || $2 end, $3) where id = $1`,
    [jobId, note, MAX_NOTE],
  );
}

/** The job's end with its student; a second call of the same attempt finds it done and leaves it. */
export async function finishJob(
  context: RunContext,
  attempt: Attempt,
  student: StoredArtifact,
  steps: number,
  heldOut: HeldOutPoint | null,
): Promise<void> {
  await asAttempt(
    context,
    attempt,
    async ({ db, run, job, jobs, tellJob, enqueue }) => {
      if (heldOut) await storeHeldOut(db, job, heldOut);
      await db.change(
        `update contigua.jobs set state = 'done', student = $2::text::jsonb, step = $3, checkpoint_step = 0, losses = 0, error = null,
           lease_until = null, worker_id = null, steps_per_second = null where id = $1`,
        [job.id, json(student), steps],
      );
      await removeCheckpoints(db, job.id, await checkpointsOf(db, job.id));
      // Files of attempts that were killed between storing them and saying so.
      for (let number = 1; number < attempt.number; number++) {
        await discardFolder(db, attemptFolder(run.id, job.key, number));
      }
      await tellJob(job.id);
      const tuned = (await jobs()).find(({ kind, state }) => kind === 'fine-tune' && state === 'queued');
      if (tuned) await enqueue(tuned);
    },
    (job) => {
      if (job?.attempt !== attempt.number || job.state !== 'done') throw new Fenced('another attempt has the job');
    },
  );
}

/** The measured subset, told once; a second call of the same attempt finds it there and leaves it. */
export async function finishMeasurement(context: RunContext, attempt: Attempt, key: string, subset: SubsetView) {
  await asAttempt(
    context,
    attempt,
    async ({ db, run, job, tell }) => {
      await db.change(
        `insert into contigua.subsets (run_id, key, plugged, subset) values ($1, $2, $3::text::jsonb, $4::text::jsonb)
         on conflict (run_id, key) do nothing`,
        [run.id, key, json(subset.plugged), json(subset)],
      );
      await db.change(
        `update contigua.jobs set state = 'done', step = 1, lease_until = null, worker_id = null where id = $1`,
        [job.id],
      );
      await tell({ type: 'subset', subset });
    },
    (job) => {
      if (job?.attempt !== attempt.number || job.state !== 'done') throw new Fenced('another attempt has the job');
    },
  );
}

export async function tellMeasuring(context: RunContext, attempt: Attempt, done: number, total: number): Promise<void> {
  await asAttempt(context, attempt, async ({ job, tell }) => {
    if (job.choice) await tell({ type: 'measuring', ...chosen(job.choice), done, total });
  });
}

function chosen({ plugged, fineTuned }: { plugged: readonly string[]; fineTuned: boolean }) {
  return { plugged, ...(fineTuned && { fineTuned: true as const }) };
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
    `update contigua.jobs set state = 'failed', error = $2, lease_until = null, worker_id = null,
       steps_per_second = null where id = $1`,
    [job.id, message],
  );
  if (job.choice) await tell({ type: 'measuring', ...chosen(job.choice), done: 0, total: 1, error: message });
  else await tellJob(job.id);
}

/** Back to the queue by a worker that ends in order: no loss, and no waiting for the lease. */
export async function giveBack(context: RunContext, attempt: Attempt): Promise<void> {
  await asAttempt(
    context,
    attempt,
    (held) => waitAgain(held),
    () => {},
  );
}

async function waitAgain({ db, job, tellJob, enqueue }: Held): Promise<void> {
  await db.change(
    `update contigua.jobs set state = 'queued', lease_until = null, worker_id = null, steps_per_second = null,
       queued_at = clock_timestamp() where id = $1`,
    [job.id],
  );
  await enqueue(job);
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
        const tried = `It was tried ${losses} times without reaching a checkpoint between.`;
        await endWithError(held, `${reason} ${tried} Retry it, perhaps with a smaller batch.`);
        return;
      }
      await addNote(db, job.id, reason);
      await waitAgain(held);
    },
    () => {},
  );
}
