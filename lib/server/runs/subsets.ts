/** Choices of students that were tried: asked for once each, measured as a job of their own, kept with the run. */
import { z } from 'zod';
import { ContiguaError } from '../../core/errors.ts';
import { FINE_TUNE_KEY, jobRestsOn, type SubsetView, subsetKey } from '../../core/run/index.ts';
import { firstRow, json, type Queryable } from '../database/database.ts';
import { type Attempt, asAttempt, Fenced } from './attempt.ts';
import type { RunContext } from './context.ts';
import { changeRun, type LockedRun } from './events.ts';
import { type JobRow, jobRow, type SubsetChoice } from './rows.ts';

const subsetRow = z.object({ subset: z.custom<SubsetView>((value) => typeof value === 'object') });

export async function subsetsOf(db: Queryable, runId: string): Promise<SubsetView[]> {
  const rows = await db.rows(
    subsetRow,
    'select subset from contigua.subsets where run_id = $1 order by created_at, key',
    [runId],
  );
  return rows.map(({ subset }) => subset);
}

export async function trySubset(
  context: RunContext,
  runId: string,
  wanted: SubsetChoice,
  assertRoom: () => Promise<void>,
): Promise<void> {
  await assertRoom();
  await changeRun(context, runId, async ({ db, jobs, enqueue }) => {
    const all = await jobs();
    const choice = checked(wanted, all);
    const key = subsetKey(choice);
    const known = await firstRow(db, z.unknown(), 'select 1 from contigua.subsets where run_id = $1 and key = $2', [
      runId,
      key,
    ]);
    if (known) return;
    const jobKey = `measure ${key}`;
    const before = all.find((job) => job.key === jobKey);
    if (before?.state === 'queued' || before?.state === 'running') return;
    const job = await firstRow(
      db,
      jobRow,
      `insert into contigua.jobs (run_id, key, kind, choice, state, steps)
       values ($1, $2, 'measure', $3::text::jsonb, 'queued', 1)
       on conflict (run_id, key) do update
         set state = 'queued', error = null, losses = 0, queued_at = clock_timestamp()
       returning *`,
      [runId, jobKey, json(choice)],
    );
    if (job) await enqueue(job);
  });
}

/** In order of depth, each trained; all of them where they were fine-tuned together. */
function checked({ plugged, fineTuned }: SubsetChoice, jobs: readonly JobRow[]): SubsetChoice {
  const own = jobs.filter(({ kind }) => kind !== 'fine-tune' && kind !== 'measure');
  const unknown = plugged.find((key) => !own.some((job) => job.key === key));
  if (unknown !== undefined) {
    throw new ContiguaError('run-missing', 'The run has no such interval', {
      found: unknown,
      expected: own.map(({ key }) => key).join(', '),
    });
  }
  const chosen = own.filter(({ key }) => plugged.includes(key));
  const unready = chosen.find(({ state }) => state !== 'done');
  if (unready) throw noStudent(unready.key, unready.state);
  for (const job of chosen) {
    const without = own.find((other) => jobRestsOn(job, other) && !plugged.includes(other.key));
    if (!without) continue;
    throw new ContiguaError('settings-invalid', `${job.key} was trained with ${without.key} in place`, {
      found: plugged.join(', '),
      expected: `${without.key} as well, or neither`,
    });
  }
  if (fineTuned) {
    const tuned = jobs.find(({ kind }) => kind === 'fine-tune');
    if (tuned?.state !== 'done') throw noStudent(FINE_TUNE_KEY, tuned?.state ?? 'not asked for');
    if (chosen.length < own.length) {
      throw new ContiguaError('settings-invalid', 'What was fine-tuned together can only be plugged in together', {
        found: plugged.join(', '),
        expected: own.map(({ key }) => key).join(', '),
      });
    }
  }
  return { plugged: chosen.map(({ key }) => key), fineTuned };
}

function noStudent(key: string, state: string): ContiguaError {
  return new ContiguaError('run-conflict', `${key} has no student yet`, {
    found: state,
    expected: 'done',
    hint: 'Wait until it is trained, or try a choice without it.',
  });
}

/** Measurements that a student's replacement makes untrue; those under way are given up. */
export async function forgetSubsets({ db, run }: LockedRun, changed: { readonly key: string | null }): Promise<void> {
  const touches = changed.key === null ? `key like 'fine-tuned:%'` : `(plugged ? $2 or key like 'fine-tuned:%')`;
  const values = changed.key === null ? [run.id] : [run.id, changed.key];
  await db.change(`delete from contigua.subsets where run_id = $1 and ${touches}`, values);
  const chosen =
    changed.key === null
      ? `(choice -> 'fineTuned')::boolean`
      : `(choice -> 'plugged' ? $2 or (choice -> 'fineTuned')::boolean)`;
  await db.change(`delete from contigua.jobs where run_id = $1 and kind = 'measure' and ${chosen}`, values);
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
    if (job.choice) await tell(measuringOf(job.choice, done, total));
  });
}

export function measuringOf({ plugged, fineTuned }: SubsetChoice, done: number, total: number) {
  return { type: 'measuring', plugged, ...(fineTuned && { fineTuned: true as const }), done, total } as const;
}
