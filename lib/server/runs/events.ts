/**
 * Changes of a run and the events that tell them, in one transaction: whoever reads the events has seen every change, and
 * nothing that was told can be undone. Numbers go from 1 without gaps because the run's row, locked first by every change,
 * holds the last one; that lock also puts the changes of one run in order and keeps any two from waiting for each other.
 */
import { z } from 'zod';
import { ContiguaError } from '../../core/errors.ts';
import { type JobView, jobRestsOn, type RunEvent, type RunState } from '../../core/run/index.ts';
import { firstRow, json, type Queryable } from '../database/database.ts';
import type { RunContext } from './context.ts';
import { type JobRow, jobRow, type RunRow, runRow } from './rows.ts';
import { discardStates } from './teacher-states.ts';

/** A run within a transaction that holds its lock. */
export interface LockedRun {
  readonly db: Queryable;
  readonly run: RunRow;
  jobs(): Promise<JobRow[]>;
  /** Stores the event under the run's next number. */
  tell(event: RunEvent): Promise<void>;
  /** Tells how the job stands now. */
  tellJob(jobId: number): Promise<void>;
  /**
   * The job's ticket, sent with the transaction; `next` goes before all that were never begun. A job that rests on others
   * waits until all of them are done, whose end sends its ticket.
   */
  enqueue(job: Pick<JobRow, 'id' | 'kind' | 'edits'>, place?: 'next'): Promise<void>;
}

/** Rejects with `run-missing`. After `work`, the run's own state is told where it has changed. */
export async function changeRun<T>(
  context: RunContext,
  runId: string,
  work: (locked: LockedRun) => Promise<T>,
): Promise<T> {
  let sent = false;
  const result = await context.db.transaction(async (db) => {
    const run = await firstRow(db, runRow, 'select * from contigua.runs where id = $1 for update', [runId]);
    if (!run) throw runMissing(runId);
    const locked = lockedRun(context, db, run, () => {
      sent = true;
    });
    const done = await work(locked);
    await tellState(locked);
    return done;
  });
  context.wakeups.wake({ run: runId });
  if (sent) context.wakeups.wake('queue');
  return result;
}

/** As `changeRun`, for a run that the transaction finds by itself; null, and still committed, where it finds none. */
export async function changeFoundRun<T>(
  context: RunContext,
  find: (db: Queryable) => Promise<string | null>,
  work: (locked: LockedRun) => Promise<T>,
): Promise<T | null> {
  let found: string | null = null;
  const result = await context.db.transaction(async (db) => {
    found = await find(db);
    const run = found && (await firstRow(db, runRow, 'select * from contigua.runs where id = $1 for update', [found]));
    if (!run) return null;
    const locked = lockedRun(context, db, run, () => {});
    const done = await work(locked);
    await tellState(locked);
    return done;
  });
  if (found !== null) context.wakeups.wake({ run: found });
  return result;
}

function lockedRun(context: RunContext, db: Queryable, run: RunRow, onSent: () => void): LockedRun {
  const jobs = () => jobsOf(db, run.id);
  const tell = (event: RunEvent) => append(db, run.id, event);
  return {
    db,
    run,
    jobs,
    tell,
    async tellJob(jobId) {
      const job = await firstRow(db, jobRow, 'select * from contigua.jobs where id = $1', [jobId]);
      if (job && job.kind !== 'measure') await tell({ type: 'job', job: jobView(job) });
    },
    async enqueue(job, place) {
      if (job.kind !== 'measure' && !isReady(job, await jobs())) return;
      const lane = job.kind === 'measure' ? 'measure' : 'train';
      await context.queue.send(db, lane, run.settings.engine, job.id, place);
      onSent();
    },
  };
}

export async function jobsOf(db: Queryable, runId: string): Promise<JobRow[]> {
  return await db.rows(jobRow, `select * from contigua.jobs where run_id = $1 order by first_block nulls last, id`, [
    runId,
  ]);
}

/** Every job that it rests on is done. `job` is no measurement. */
export function isReady(job: Pick<JobRow, 'kind' | 'edits'>, jobs: readonly JobRow[]): boolean {
  return jobs.every((other) => other.state === 'done' || other.kind === 'measure' || !jobRestsOn(job, other));
}

/** `job` is no measurement: those are told as subsets. */
export function jobView(job: JobRow): JobView {
  const {
    key,
    edit,
    state,
    attempt,
    step,
    steps,
    checkpointStep,
    worker,
    baselines,
    startBlock,
    heldOut,
    error,
    note,
  } = job;
  return {
    key,
    kind: job.kind === 'measure' ? 'fine-tune' : job.kind,
    edit,
    ...(job.narrow.length > 0 && { narrow: job.narrow }),
    ...(job.kept !== null && { kept: job.kept, fitError: job.fitError }),
    state,
    ...(job.pausing && { pausing: true as const }),
    attempt,
    step,
    steps,
    checkpointStep,
    worker,
    stepsPerSecond: state === 'running' ? job.stepsPerSecond : null,
    baselines,
    startBlock,
    heldOut,
    error,
    note,
    studentBytes: job.student?.sizeBytes ?? null,
  };
}

const OVER: ReadonlySet<RunState> = new Set(['done', 'failed', 'cancelled']);
const ORDER: readonly RunState[] = ['running', 'queued', 'paused', 'failed', 'cancelled'];

/** What its jobs make of a run. A job that rests on others which will not come by themselves keeps nobody waiting. */
export function stateOf(jobs: readonly JobRow[]): RunState {
  const own = jobs.filter(({ kind }) => kind !== 'measure');
  const comes = (job: JobRow): boolean =>
    own.every(
      (other) => !jobRestsOn(job, other) || (other.state !== 'failed' && other.state !== 'cancelled' && comes(other)),
    );
  const counted = own.filter((job) => job.state !== 'queued' || comes(job));
  return ORDER.find((state) => counted.some((job) => job.state === state)) ?? 'done';
}

async function tellState({ db, run, jobs, tell }: LockedRun): Promise<void> {
  const state = stateOf(await jobs());
  if (state === run.state) return;
  await db.change('update contigua.runs set state = $2 where id = $1', [run.id, state]);
  if (OVER.has(state)) await discardStates(db, run.id);
  await tell({ type: 'run', state });
}

async function append(db: Queryable, runId: string, event: RunEvent): Promise<void> {
  const row = await firstRow(
    db,
    z.object({ last_event: z.int() }),
    'update contigua.runs set last_event = last_event + 1 where id = $1 returning last_event',
    [runId],
  );
  if (!row) throw runMissing(runId);
  await db.change('insert into contigua.events (run_id, id, event) values ($1, $2, $3::text::jsonb)', [
    runId,
    row.last_event,
    json(event),
  ]);
}

export function runMissing(runId: string): ContiguaError {
  return new ContiguaError('run-missing', 'There is no such run', {
    found: runId,
    hint: 'It may have been deleted; see the list of runs.',
  });
}
