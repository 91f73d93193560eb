/** What a user does to a run: begin, pause, resume, cancel, delete, retry one job, add an interval. One transaction each. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import {
  type Edit,
  editKey,
  editSetOf,
  ffnEdit,
  modulationEdit,
  runEdit,
  runsOf,
  textStreamEdit,
  type WidthEdit,
} from '../../core/edit/index.ts';
import { ContiguaError } from '../../core/errors.ts';
import { type BlockInterval, intervalSetOf } from '../../core/interval/index.ts';
import type { ModelConfig } from '../../core/model/config-index.ts';
import { assertPlanFits, type PlannedRun, type RunPlan, trainedPlan } from '../../core/plan/index.ts';
import {
  FINE_TUNE_KEY,
  jobRestsOn,
  type ModelCosts,
  narrowSettings,
  type PlannedJob,
  plannedJobs,
  type RunSettings,
  type RunView,
  type TrainingData,
} from '../../core/run/index.ts';
import type { RunRequest, ServerModel } from '../backend.ts';
import { firstRow, json, type Queryable } from '../database/database.ts';
import { sleep } from '../sleep.ts';
import type { RunContext } from './context.ts';
import { changeRun, jobsOf, type LockedRun, runMissing } from './events.ts';
import { discard, discardFolder, runFolder } from './garbage.ts';
import { type JobRow, jobRow } from './rows.ts';
import { forgetSubsets } from './subsets.ts';

/** Bounds the queue over all runs; whoever asks for more waits for what is there. */
export function roomFor({ db }: RunContext, limit: number): (jobs: number) => Promise<void> {
  return async (jobs) => {
    const row = await firstRow(
      db,
      z.object({ waiting: z.int() }),
      `select count(*)::int as waiting from contigua.jobs where state = 'queued'`,
    );
    const waiting = row?.waiting ?? 0;
    if (waiting + jobs <= limit) return;
    throw new ContiguaError('too-many', 'The queue is full', {
      found: `${waiting} jobs waiting and ${jobs} more`,
      expected: `${limit} or fewer`,
      hint: 'Wait until some are done, or cancel a run. CONTIGUA_QUEUE_LIMIT sets the limit.',
    });
  };
}

/** The run's plan is what it will have done: a student in the place of every run of blocks that it was asked for. */
export async function createRun(
  { db, queue, wakeups }: RunContext,
  { name, plan, settings: asked }: RunRequest,
  model: ServerModel,
  config: ModelConfig,
): Promise<string> {
  assertPlanFits(plan, model, 'the plan');
  if (plan.edits.length === 0) {
    throw new ContiguaError('plan-invalid', 'The plan names no interval', { hint: 'Choose at least one.' });
  }
  const narrow = plan.edits.filter((edit) => edit.on !== 'run');
  assertTrainable(narrow, asked);
  const settings: RunSettings = { ...asked, data: asTaughtToday(asked.data) };
  const id = newRunId();
  const { fingerprint, numBlocks, parameters, costs, drawable, tokensPerForward } = model;
  const facts: RunView['model'] = {
    name: model.name,
    fingerprint,
    numBlocks,
    parameters,
    costs,
    drawable,
    ...(narrow.length > 0 ? { described: { config: config.raw, tokensPerForward } } : {}),
  };
  const trained = trainedPlan({ ...plan, edits: runsOf(plan.edits) }, costs.blockParameters, costs.parametersAtEnd);
  await db.transaction(async (transaction) => {
    await transaction.change(
      `insert into contigua.runs (id, name, model_id, model, plan, narrow, settings, state)
       values ($1, $2, $3, $4::text::jsonb, $5::text::jsonb, $6::text::jsonb, $7::text::jsonb, 'queued')`,
      [id, name ?? defaultName(model, trained), model.id, json(facts), json(trained), json(narrow), json(settings)],
    );
    const jobs = plannedJobs(trained.edits, narrow);
    for (const planned of jobs) {
      const job = await insertJob(transaction, id, planned, settings);
      // The others follow what they rest on.
      const waits = jobs.some((other) => jobRestsOn(planned, other));
      if (!waits) await queue.send(transaction, 'train', settings.engine, job.id);
    }
    if (settings.fineTune) {
      await transaction.change(
        `insert into contigua.jobs (run_id, key, kind, state, steps) values ($1, $2, 'fine-tune', 'queued', $3)`,
        [id, FINE_TUNE_KEY, settings.fineTune.steps],
      );
    }
  });
  wakeups.wake('queue');
  return id;
}

/**
 * Runs of earlier versions say nothing of it and keep the random samples that they held out and their logit-normal levels;
 * a new one says that it holds out whole prompts, and that its levels are uniform.
 */
function asTaughtToday(data: TrainingData): TrainingData {
  if (data.kind === 'file') return { ...data, heldOutBy: 'prompt-groups' };
  return data.kind === 'shapes' ? { ...data, levels: 'uniform' } : data;
}

/** Ten characters that sort by time of creation, roughly, and do not collide where databases share a bucket. */
function newRunId(): string {
  const seconds = Math.floor(Date.now() / 1000).toString(36);
  return `${seconds}${randomBytes(3).readUIntBE(0, 3).toString(36).padStart(5, '0').slice(-4)}`;
}

function defaultName({ name }: ServerModel, { blocks }: RunPlan): string {
  return `${name}, ${blocks.before} → ${blocks.after} blocks`;
}

async function insertJob(
  db: Queryable,
  runId: string,
  { key, kind, edits }: PlannedJob,
  settings: RunSettings,
): Promise<JobRow> {
  const [run] = runsOf(edits);
  const narrow = widthEdits(edits);
  const isTable = edits.every((edit) => edit.on === 'modulation' && 'table' in edit.by);
  const { steps } = kind === 'student' ? settings.distil : narrowSettings(settings);
  const job = await firstRow(
    db,
    jobRow,
    `insert into contigua.jobs (run_id, key, kind, first_block, last_block, narrow, state, steps)
     values ($1, $2, $3, $4, $5, $6::text::jsonb, 'queued', $7) returning *`,
    [runId, key, kind, run?.first ?? null, run?.last ?? null, json(narrow), isTable ? 0 : steps],
  );
  if (!job) throw new ContiguaError('internal', 'The database inserted a job and returned none');
  return job;
}

/** As edits alone, without what a plan knows of them. */
function widthEdits(edits: readonly Edit[]): WidthEdit[] {
  return edits.flatMap((edit): WidthEdit[] => {
    switch (edit.on) {
      case 'run':
        return [];
      case 'text-stream':
        return [textStreamEdit(edit)];
      case 'ffn':
        return [ffnEdit(edit.block, edit.stream)];
      case 'modulation':
        return [modulationEdit(edit.by, edit.blocks)];
      default:
        return edit satisfies never;
    }
  });
}

/** Settings that edits which make blocks narrower do not go with. */
function assertTrainable(narrow: readonly WidthEdit[], { data }: RunSettings): void {
  const [first] = narrow;
  if (!first) return;
  if (data.kind === 'file' && data.boundaries !== undefined) {
    throw new ContiguaError('settings-invalid', 'States from a file are those around intervals', {
      found: `${editKey(first)} among the edits`,
      expected: 'runs of blocks alone',
      hint: 'Leave the states out: the model computes its own.',
    });
  }
}

/** What becomes of a job: another state; running on, but to pause after its next checkpoint, or not after all; null leaves it. */
type Change = 'queued' | 'paused' | 'cancelled' | 'pausing' | 'not pausing' | null;

/** Changes jobs, each told; throws `run-conflict` where none is to be changed. */
async function changeJobs(
  context: RunContext,
  runId: string,
  changeOf: (job: JobRow) => Change,
  refusal: string,
): Promise<void> {
  await changeRun(context, runId, async ({ db, jobs, tellJob, enqueue, run }) => {
    const changed = (await jobs())
      .map((job) => ({ job, change: job.kind === 'measure' ? null : changeOf(job) }))
      .filter(({ change }) => change !== null);
    if (changed.length === 0) {
      throw new ContiguaError('run-conflict', refusal, { found: `a run that is ${run.state}` });
    }
    for (const { job, change } of changed) {
      if (change === 'pausing' || change === 'not pausing') {
        await db.change(`update contigua.jobs set pausing = $2 where id = $1`, [job.id, change === 'pausing']);
      } else {
        await db.change(
          `update contigua.jobs set state = $2, pausing = false, lease_until = null, worker_id = null,
             steps_per_second = null, queued_at = clock_timestamp() where id = $1`,
          [job.id, change],
        );
      }
      await tellJob(job.id);
      if (change === 'queued') await enqueue(job);
    }
  });
}

/** A pause is answered when it is done, or after so long. */
const PAUSE_ANSWER_MS = 10_000;
const PAUSE_LOOK_MS = 200;

/**
 * Waiting jobs pause at once. Running ones finish their step and store a checkpoint first, which their worker bounds
 * (`Timing.stop`), as does their lease where the worker is gone. Resolves when every job has paused, or after a while.
 */
export async function pauseRun(context: RunContext, runId: string): Promise<void> {
  const changes: Partial<Record<JobRow['state'], Change>> = { queued: 'paused', running: 'pausing' };
  const refusal = 'No job of this run is queued or running, so there is nothing to pause';
  await changeJobs(context, runId, ({ state }) => changes[state] ?? null, refusal);
  context.wakeups.wake('pausing');
  const { signal } = new AbortController();
  for (const until = Date.now() + PAUSE_ANSWER_MS; Date.now() < until; ) {
    if (!(await jobsOf(context.db, runId)).some(({ pausing }) => pausing)) return;
    await sleep(PAUSE_LOOK_MS, signal, (wake) => context.wakeups.listen({ run: runId }, wake));
  }
}

export async function resumeRun(context: RunContext, runId: string): Promise<void> {
  const changeOf = ({ state, pausing }: JobRow) => (state === 'paused' ? 'queued' : pausing ? 'not pausing' : null);
  await changeJobs(context, runId, changeOf, 'No job of this run is paused');
}

/** At once: nobody wants what is trained since the last checkpoint. */
export async function cancelRun(context: RunContext, runId: string): Promise<void> {
  const given: ReadonlySet<JobRow['state']> = new Set(['queued', 'running', 'paused']);
  const refusal = 'No job of this run is queued, running or paused, so there is nothing to cancel';
  await changeJobs(context, runId, ({ state }) => (given.has(state) ? 'cancelled' : null), refusal);
}

/** Its workers find their jobs gone and stop; what they still store meanwhile is collected a little later. */
export async function deleteRun({ db, wakeups }: RunContext, runId: string): Promise<void> {
  await db.transaction(async (transaction) => {
    const gone = await transaction.change('delete from contigua.runs where id = $1', [runId]);
    if (gone === 0) throw runMissing(runId);
    await discardFolder(transaction, runFolder(runId));
  });
  wakeups.wake({ run: runId });
}

export async function retryJob(context: RunContext, runId: string, key: string, afresh: boolean): Promise<void> {
  await changeRun(context, runId, async (locked) => {
    const job = (await locked.jobs()).find((one) => one.kind !== 'measure' && one.key === key);
    if (!job) throw new ContiguaError('run-missing', 'The run has no such job', { found: key });
    if (job.state !== 'failed' && job.state !== 'cancelled' && job.state !== 'done') {
      throw new ContiguaError('run-conflict', `${key} has not ended yet`, {
        found: job.state,
        expected: 'failed, cancelled or done',
        hint: 'Pause or cancel the run first.',
      });
    }
    await beginAgain(locked, job, afresh || job.state === 'done');
    const again = await beginDependentsAgain(locked, job);
    for (const key of [job, ...again].flatMap(({ kind, key }) => (kind === 'fine-tune' ? [] : [key]))) {
      await forgetSubsets(locked, { key });
    }
    if (job.kind === 'fine-tune') await forgetSubsets(locked, { key: null });
  });
}

/** The student, if there was one, goes: whoever trains again wants another. */
async function beginAgain({ db, tellJob, enqueue }: LockedRun, job: JobRow, afresh: boolean): Promise<void> {
  if (job.student) await discard(db, [job.student.key]);
  if (afresh) {
    const keys = await db.rows(
      z.object({ key: z.string() }),
      'delete from contigua.checkpoints where job_id = $1 returning key',
      [job.id],
    );
    await discard(
      db,
      keys.map(({ key }) => key),
    );
    await db.change('delete from contigua.points where job_id = $1', [job.id]);
    await db.change(
      `update contigua.jobs set step = 0, checkpoint_step = 0, baselines = null, start_block = null, held_out = '[]', kept = null, fit_error = null where id = $1`,
      [job.id],
    );
  }
  await db.change(
    `update contigua.jobs set state = 'queued', losses = 0, pausing = false, error = null, note = null, student = null,
       lease_until = null, worker_id = null, steps_per_second = null, queued_at = clock_timestamp() where id = $1`,
    [job.id],
  );
  await enqueue(job);
  await tellJob(job.id);
}

/** What rests on a job that begins again begins again too: another student, other maps and another fine-tune. */
async function beginDependentsAgain(
  locked: LockedRun,
  job: { readonly kind: string; readonly edits: readonly Edit[] },
): Promise<JobRow[]> {
  const begun = (await locked.jobs()).filter(
    (other) => other.kind !== 'measure' && jobRestsOn(other, job) && (other.attempt > 0 || other.state !== 'queued'),
  );
  for (const other of begun) await beginAgain(locked, other, true);
  return begun;
}

export async function addInterval(context: RunContext, runId: string, interval: BlockInterval): Promise<void> {
  await changeRun(context, runId, async (locked) => {
    const { db, run, enqueue, tellJob } = locked;
    const plan = withStudent(run.plan, run.narrow, run.model.costs, interval);
    await db.change('update contigua.runs set plan = $2::text::jsonb where id = $1', [runId, json(plan)]);
    const [planned] = plannedJobs([runEdit(interval, 'student')], []);
    if (!planned) throw new RangeError('One edit is one job');
    const job = await insertJob(db, runId, planned, run.settings);
    await enqueue(job);
    await tellJob(job.id);
    const again = await beginDependentsAgain(locked, planned);
    for (const { kind, key } of again) if (kind !== 'fine-tune') await forgetSubsets(locked, { key });
    await forgetSubsets(locked, { key: null });
  });
}

/** Not measured for the new interval: its similarity and damage belong to an analysis that is not at hand. */
function withStudent(
  plan: RunPlan,
  narrow: readonly WidthEdit[],
  { blockParameters, parametersAtEnd }: Pick<ModelCosts, 'blockParameters' | 'parametersAtEnd'>,
  interval: BlockInterval,
): RunPlan {
  const added: PlannedRun = { ...runEdit(interval, 'student'), cka: null, removedError: null, outputError: null };
  const edits = intervalSetOf([...plan.edits, added], plan.model, 'the new interval');
  // What the model's structure allows was asked when the run was made.
  const model = { ...plan.model, width: null, textStream: null, whyNot: () => null };
  editSetOf([...edits, ...narrow], model, 'the new interval');
  return trainedPlan({ ...plan, edits }, blockParameters, parametersAtEnd);
}
