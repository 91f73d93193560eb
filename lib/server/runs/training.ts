/**
 * What a trainer's progress and end leave in the database. The student's event is stored once, because a job leaves
 * `running` once.
 */
import {
  type DistilProgress,
  type HeldOutPoint,
  jobRestsOn,
  type NarrowResult,
  type StepPoint,
} from '../../core/run/index.ts';
import type { StoredArtifact } from '../artifacts/store.ts';
import { json, type Queryable } from '../database/database.ts';
import { type Attempt, asAttempt, Fenced } from './attempt.ts';
import { checkpointsOf, removeCheckpoints } from './checkpoints.ts';
import type { RunContext } from './context.ts';
import { attemptFolder, discardFolder } from './garbage.ts';
import type { JobRow } from './rows.ts';

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
      `insert into contigua.points (job_id, step, attempt, losses, gradient_norm, learning_rate, duration_ms)
       select $1, step, $2, losses, "gradientNorm", "learningRate", "durationMs"
       from jsonb_to_recordset($3::text::jsonb) as p (step int, losses jsonb, "gradientNorm" float8,
         "learningRate" float8, "durationMs" float8)
       on conflict (job_id, step) do update set attempt = excluded.attempt, losses = excluded.losses,
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

/** The job's end with its student; a second call of the same attempt finds it done and leaves it. */
export async function finishJob(
  context: RunContext,
  attempt: Attempt,
  student: StoredArtifact,
  steps: number,
  heldOut: HeldOutPoint | null,
  narrow: Pick<NarrowResult, 'kept' | 'fitError'> | null = null,
): Promise<void> {
  await asAttempt(
    context,
    attempt,
    async ({ db, run, job, jobs, tellJob, enqueue }) => {
      if (heldOut) await storeHeldOut(db, job, heldOut);
      await db.change(
        `update contigua.jobs set state = 'done', student = $2::text::jsonb, step = $3, kept = $4, fit_error = $5, checkpoint_step = 0, losses = 0, pausing = false, error = null,
           lease_until = null, worker_id = null, steps_per_second = null where id = $1`,
        [job.id, json(student), steps, narrow?.kept ?? null, narrow?.fitError ?? null],
      );
      await removeCheckpoints(db, job.id, await checkpointsOf(db, job.id));
      // Files of attempts that were killed between storing them and saying so.
      for (let number = 1; number < attempt.number; number++) {
        await discardFolder(db, attemptFolder(run.id, job.key, number));
      }
      await tellJob(job.id);
      // What waited for this one, unless it waits for others too.
      for (const other of await jobs()) {
        if (other.kind !== 'measure' && other.state === 'queued' && jobRestsOn(other, job)) await enqueue(other);
      }
    },
    (job) => {
      if (job?.attempt !== attempt.number || job.state !== 'done') throw new Fenced('another attempt has the job');
    },
  );
}
