/** Reading runs: one whole, the list, a job's curve, and its events from any number on, stored ones first. */
import { z } from 'zod';
import { asContiguaError } from '../../core/errors.ts';
import type { RunView, StepPoint } from '../../core/run/index.ts';
import type { NumberedEvent, RunSummary } from '../backend.ts';
import { firstRow } from '../database/database.ts';
import { sleep } from '../sleep.ts';
import type { RunContext, Timing } from './context.ts';
import { jobsOf, jobView, runMissing } from './events.ts';
import { eventRow, jobState, pointRow, runRow } from './rows.ts';
import { subsetsOf } from './subsets.ts';

/** Events per read: a reader that is far behind catches up in portions. */
const PORTION = 200;

export async function viewRun({ db }: RunContext, id: string): Promise<RunView> {
  // The number of the last event comes first: what happens while the rest is read is then told again, not missed.
  const run = await firstRow(db, runRow, 'select * from contigua.runs where id = $1', [id]);
  if (!run) throw runMissing(id);
  const jobs = await jobsOf(db, id);
  const { name, createdAt, state, model, plan, narrow, settings, lastEventId } = run;
  return {
    id,
    name,
    createdAt,
    state,
    model,
    plan,
    ...(narrow.length > 0 && { narrow }),
    settings,
    jobs: jobs.filter(({ kind }) => kind !== 'measure').map(jobView),
    subsets: await subsetsOf(db, id),
    lastEventId,
  };
}

const summaryRow = z
  .object({
    id: z.string(),
    name: z.string(),
    created_at: z.date(),
    state: jobState,
    model_name: z.string(),
    intervals: z.int(),
    done: z.int(),
  })
  .transform(({ created_at, model_name, ...row }) => ({
    ...row,
    createdAt: created_at.toISOString(),
    modelName: model_name,
  }));

/** Newest first. */
export async function listRuns({ db }: RunContext): Promise<RunSummary[]> {
  return await db.rows(
    summaryRow,
    `select r.id, r.name, r.created_at, r.state, r.model ->> 'name' as model_name,
       count(j.id)::int as intervals, (count(j.id) filter (where j.state = 'done'))::int as done
     from contigua.runs r left join contigua.jobs j on j.run_id = r.id and j.kind in ('student', 'maps', 'modulations')
     group by r.id order by r.created_at desc, r.id`,
  );
}

export async function curve({ db }: RunContext, id: string, key: string): Promise<StepPoint[]> {
  const job = await firstRow(
    db,
    z.object({ id: z.int() }),
    `select id from contigua.jobs where run_id = $1 and key = $2 and kind <> 'measure'`,
    [id, key],
  );
  if (!job) throw runMissing(`${id}, ${key}`);
  return await db.rows(
    pointRow,
    `select step, losses, gradient_norm, learning_rate, duration_ms from contigua.points
     where job_id = $1 order by step`,
    [job.id],
  );
}

/** Ends when the signal fires; rejects with `run-missing` once the run is deleted. A silent database is waited for. */
export async function* follow(
  { db, wakeups }: RunContext,
  timing: Timing,
  id: string,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<NumberedEvent> {
  let last = after;
  let silentSince: number | null = null;
  while (!signal.aborted) {
    // Listening before reading: an event in between wakes the next round.
    let woken = false;
    const stop = wakeups.listen({ run: id }, () => {
      woken = true;
    });
    try {
      const events = await db.rows(
        eventRow,
        'select id, event from contigua.events where run_id = $1 and id > $2 order by id limit $3',
        [id, last, PORTION],
      );
      silentSince = null;
      for (const event of events) {
        if (signal.aborted) return;
        yield event;
        last = event.id;
      }
      if (events.length > 0) continue;
      if (!(await firstRow(db, z.unknown(), 'select 1 from contigua.runs where id = $1', [id]))) throw runMissing(id);
    } catch (thrown) {
      const error = asContiguaError(thrown);
      if (error.code !== 'database-unreachable') throw thrown;
      silentSince ??= Date.now();
      if (Date.now() - silentSince > timing.patience) throw thrown;
    } finally {
      stop();
    }
    if (!woken) await sleep(timing.follow, signal, (wake) => wakeups.listen({ run: id }, wake));
  }
}
