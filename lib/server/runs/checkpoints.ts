/** Checkpoints of a job: noted when they are stored, the newest two kept, dropped when they turn out damaged. */
import type { StoredArtifact } from '../artifacts/store.ts';
import type { Queryable } from '../database/database.ts';
import { type Attempt, addNote, asAttempt } from './attempt.ts';
import type { RunContext } from './context.ts';
import { discard } from './garbage.ts';
import { type CheckpointRow, checkpointRow } from './rows.ts';

/** As many as are worth keeping: the newest, and one to fall back to if that turns out damaged. */
const KEPT_CHECKPOINTS = 2;

export async function checkpointsOf(db: Queryable, jobId: number): Promise<CheckpointRow[]> {
  return await db.rows(
    checkpointRow,
    'select * from contigua.checkpoints where job_id = $1 order by step desc, attempt desc',
    [jobId],
  );
}

/** What was trained after the checkpoint happens again. */
export async function goBackTo(db: Queryable, jobId: number, checkpoint: CheckpointRow | undefined): Promise<void> {
  await db.change('update contigua.jobs set step = $2, checkpoint_step = $2 where id = $1', [
    jobId,
    checkpoint?.step ?? 0,
  ]);
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

export async function removeCheckpoints(db: Queryable, jobId: number, rows: readonly CheckpointRow[]): Promise<void> {
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
