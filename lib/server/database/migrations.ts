/**
 * The tables, as numbered steps that are applied once each, in one transaction under a lock, so that any number of
 * processes may start together. A step that has been released is never edited; the next change is a further step. Steps
 * that SQL alone cannot take are functions.
 */
import { z } from 'zod';
import { ContiguaError } from '../../core/errors.ts';
import { sleep } from '../sleep.ts';
import { type Database, firstRow, type Queryable } from './database.ts';
import { toEditsAndStreams } from './edits-and-streams.ts';
import { toPlansOfVersion3 } from './plans-of-version-3.ts';

/** Any fixed number: it names the lock among those of this database. */
const LOCK = 7_215_034;

type Step = string | ((transaction: Queryable) => Promise<void>);

const STEPS: readonly Step[] = [
  `
  create table contigua.runs (
    id text primary key,
    name text not null,
    created_at timestamptz not null default clock_timestamp(),
    model_id text not null,
    model jsonb not null,
    plan jsonb not null,
    settings jsonb not null,
    -- As last told by an event.
    state text not null,
    last_event int not null default 0
  );

  create table contigua.jobs (
    id int generated always as identity primary key,
    run_id text not null references contigua.runs on delete cascade,
    -- "3-4", "fine-tune", or "measure" and the choice of students.
    key text not null,
    kind text not null check (kind in ('interval', 'fine-tune', 'measure')),
    first_block int,
    last_block int,
    -- A measurement's choice of students.
    choice jsonb,
    state text not null check (state in ('queued', 'running', 'paused', 'done', 'failed', 'cancelled')),
    -- Raised by every worker that takes the job; what an older attempt writes changes nothing.
    attempt int not null default 0,
    -- Attempts that ended with a dead process since the last checkpoint.
    losses int not null default 0,
    step int not null default 0,
    steps int not null,
    checkpoint_step int not null default 0,
    worker_id text,
    worker jsonb,
    lease_until timestamptz,
    steps_per_second float8,
    baselines jsonb,
    start_block int,
    held_out jsonb not null default '[]',
    error text,
    note text,
    student jsonb,
    queued_at timestamptz not null default clock_timestamp(),
    unique (run_id, key)
  );
  create index jobs_by_lease on contigua.jobs (lease_until) where state = 'running';
  create index jobs_by_wait on contigua.jobs (queued_at) where state = 'queued';

  create table contigua.events (
    run_id text not null references contigua.runs on delete cascade,
    id int not null,
    event jsonb not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (run_id, id)
  );

  create table contigua.points (
    job_id int not null references contigua.jobs on delete cascade,
    step int not null,
    attempt int not null,
    image float8 not null,
    text float8,
    gradient_norm float8 not null,
    learning_rate float8 not null,
    duration_ms float8 not null,
    primary key (job_id, step)
  );

  create table contigua.checkpoints (
    job_id int not null references contigua.jobs on delete cascade,
    step int not null,
    attempt int not null,
    key text not null unique,
    size_bytes bigint not null,
    sha256 text not null,
    engine text not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (job_id, step, attempt)
  );

  create table contigua.subsets (
    run_id text not null references contigua.runs on delete cascade,
    key text not null,
    plugged jsonb not null,
    subset jsonb not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (run_id, key)
  );

  -- Keys and prefixes of stored files to delete (runs/garbage.ts).
  create table contigua.garbage (
    id int generated always as identity primary key,
    key text not null,
    is_folder boolean not null default false,
    due_at timestamptz not null default clock_timestamp()
  );
  create index garbage_by_due on contigua.garbage (due_at);

  create table contigua.workers (
    id text primary key,
    host text not null,
    pid int not null,
    slots int not null,
    report jsonb not null,
    started_at timestamptz not null default clock_timestamp(),
    seen_at timestamptz not null default clock_timestamp()
  );

  -- Median step durations of finished jobs, for estimates.
  create table contigua.paces (
    host text not null,
    engine text not null,
    device text not null,
    fingerprint text not null,
    batch int not null,
    slots int not null,
    step_ms float8 not null,
    created_at timestamptz not null default clock_timestamp()
  );
  `,
  `
  -- Operations that a worker's engine does in a millisecond of a model's forward, for estimates of a first run.
  create table contigua.rates (
    host text not null,
    engine text not null,
    device text not null,
    fingerprint text not null,
    flops_per_ms float8 not null,
    created_at timestamptz not null default clock_timestamp()
  );
  `,
  `
  -- Asked to pause while it runs: its attempt stores a checkpoint first.
  alter table contigua.jobs add column pausing boolean not null default false;
  `,
  toEditsAndStreams,
  toPlansOfVersion3,
  `
  -- Teacher states in the artifact store, for job runners of other machines, and who computes which (runs/teacher-states.ts).
  create table contigua.teacher_states (
    origin text not null,
    name text not null,
    run_id text not null references contigua.runs on delete cascade,
    key text not null unique,
    size_bytes bigint not null,
    sha256 text not null,
    primary key (origin, name)
  );
  create index teacher_states_by_run on contigua.teacher_states (run_id);

  create table contigua.state_claims (
    origin text not null,
    name text not null,
    job_id int not null references contigua.jobs on delete cascade,
    attempt int not null,
    primary key (origin, name)
  );
  create index state_claims_by_job on contigua.state_claims (job_id);
  `,
  `
  -- Edits that make blocks narrower: those of the run, those that a job trains, and which weights it kept.
  alter table contigua.runs add column narrow jsonb not null default '[]';
  alter table contigua.jobs add column narrow jsonb not null default '[]';
  alter table contigua.jobs add column kept text;
  alter table contigua.jobs add column fit_error float8;
  alter table contigua.jobs drop constraint jobs_kind_check;
  alter table contigua.jobs add constraint jobs_kind_check
    check (kind in ('student', 'maps', 'modulations', 'fine-tune', 'measure'));
  `,
];

/** Between two looks whether another process has done it. */
const LOOK_MS = 200;

/** `report` hears of tables that are brought up to date, which may take a while. */
export async function migrate(db: Database, report: (sentence: string) => void = () => {}): Promise<void> {
  await db.transaction(async (transaction) => {
    await lock(transaction);
    await transaction.change('create schema if not exists contigua');
    await transaction.change('create table if not exists contigua.migrations (step int primary key)');
    const row = await firstRow(
      transaction,
      z.object({ done: z.int() }),
      'select coalesce(max(step), 0)::int as done from contigua.migrations',
    );
    const done = row?.done ?? 0;
    if (done > STEPS.length) throw newer(db.where, done);
    if (done > 0 && done < STEPS.length) {
      report(
        `${db.where} was written by an earlier version: migrating its tables from step ${done} to ${STEPS.length}.`,
      );
    }
    for (const [i, step] of STEPS.entries()) {
      if (i < done) continue;
      if (typeof step === 'string') await transaction.change(step);
      else await step(transaction);
      await transaction.change('insert into contigua.migrations (step) values ($1)', [i + 1]);
    }
  });
}

/** Asked for again and again: a statement that waited for a long migration of another process would run into its time limit. */
async function lock(transaction: Queryable): Promise<void> {
  for (;;) {
    const row = await firstRow(
      transaction,
      z.object({ locked: z.boolean() }),
      'select pg_try_advisory_xact_lock($1) as locked',
      [LOCK],
    );
    if (row?.locked) return;
    await sleep(LOOK_MS, new AbortController().signal);
  }
}

function newer(where: string, done: number): ContiguaError {
  return new ContiguaError('database-unreachable', `${where} belongs to a newer version of Contigua`, {
    found: `tables at step ${done}`,
    expected: `step ${STEPS.length} or older`,
    hint: 'Start the newer version, or use another database.',
  });
}
