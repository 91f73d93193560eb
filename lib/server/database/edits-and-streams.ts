/**
 * Step 4 of the tables: runs that version 1 stored, in today's shapes. A plan says what its run does to the model, so each
 * of its edits is by a student; a run's model has one cost per block; losses are by stream; a job says what it trains.
 * Points and events are many: the database rewrites them itself, in portions that stay far below a statement's time limit,
 * and none of them comes into this process.
 */
import { z } from 'zod';
import { parseRunPlan, trainedPlan } from '../../core/plan/index.ts';
import { json, type Queryable } from './database.ts';

const RUNS_AT_ONCE = 20;
/** An event holds up to 500 points. */
const EVENTS_AT_ONCE = 200;
const POINTS_AT_ONCE = 20_000;

export async function toEditsAndStreams(db: Queryable): Promise<void> {
  // A process of the earlier version that is still there writes nothing between two portions.
  await db.change('lock table contigua.runs, contigua.jobs, contigua.events, contigua.points in access exclusive mode');
  await upgradeRuns(db);
  await upgradeJobs(db);
  await upgradeEvents(db);
  await upgradePoints(db);
}

/** Version 0.1 stored one number for all blocks. */
const perBlock = z.union([z.number(), z.array(z.number())]);
const runBefore = z.object({
  id: z.string(),
  model: z.looseObject({
    numBlocks: z.int(),
    costs: z.object({ blockParameters: perBlock, flopsPerForward: z.number(), flopsPerBlock: perBlock }),
  }),
  plan: z.unknown(),
});

async function upgradeRuns(db: Queryable): Promise<void> {
  for (let last = ''; ; ) {
    const runs = await db.rows(
      runBefore,
      `select id, model, plan from contigua.runs where id > $1 collate "C" order by id collate "C" limit $2`,
      [last, RUNS_AT_ONCE],
    );
    for (const { id, model, plan } of runs) {
      // Plans say where stacks end; nothing ever read the model's calibrations here.
      const { seams: _, calibrations: __, ...facts } = model;
      const spread = (value: z.infer<typeof perBlock>) =>
        typeof value === 'number' ? new Array<number>(model.numBlocks).fill(value) : value;
      const { blockParameters, flopsPerForward, flopsPerBlock } = model.costs;
      const costs = {
        blockParameters: spread(blockParameters),
        flopsPerForward,
        flopsPerBlock: spread(flopsPerBlock),
      };
      const upgraded = trainedPlan(
        parseRunPlan(JSON.stringify(plan), `the stored plan of run ${id}`),
        costs.blockParameters,
      );
      await db.change('update contigua.runs set model = $2::text::jsonb, plan = $3::text::jsonb where id = $1', [
        id,
        json({ ...facts, costs }),
        json(upgraded),
      ]);
      last = id;
    }
    if (runs.length < RUNS_AT_ONCE) return;
  }
}

async function upgradeJobs(db: Queryable): Promise<void> {
  await db.change(`
    alter table contigua.jobs drop constraint jobs_kind_check;
    update contigua.jobs set kind = 'student' where kind = 'interval';
    alter table contigua.jobs add constraint jobs_kind_check check (kind in ('student', 'fine-tune', 'measure'));
  `);
}

async function upgradePoints(db: Queryable): Promise<void> {
  await db.change('alter table contigua.points add column losses jsonb');
  const curves = await db.rows(
    z.object({ job_id: z.int(), last: z.int() }),
    'select job_id, max(step) as last from contigua.points group by job_id order by job_id',
  );
  for (const { job_id, last } of curves) {
    for (let from = 0; from < last; from += POINTS_AT_ONCE) {
      // A stream that took no part has no key.
      await db.change(
        `update contigua.points set losses = jsonb_strip_nulls(jsonb_build_object('image', image, 'text', text))
         where job_id = $1 and step > $2 and step <= $3`,
        [job_id, from, from + POINTS_AT_ONCE],
      );
    }
  }
  await db.change('alter table contigua.points alter column losses set not null, drop column image, drop column text');
}

async function upgradeEvents(db: Queryable): Promise<void> {
  const runs = await db.rows(
    z.object({ id: z.string(), last_event: z.int() }),
    'select id, last_event from contigua.runs order by id',
  );
  for (const { id, last_event } of runs) {
    for (let from = 0; from < last_event; from += EVENTS_AT_ONCE) {
      await db.change(
        `update contigua.events set event = case event ->> 'type'
           when 'steps' then jsonb_set(event, '{points}', (
             select coalesce(jsonb_agg(point - 'image' - 'text' || jsonb_build_object('losses',
               jsonb_strip_nulls(jsonb_build_object('image', point -> 'image', 'text', point -> 'text'))) order by place), '[]')
             from jsonb_array_elements(event -> 'points') with ordinality as points (point, place)))
           else jsonb_set(event, '{job}', (event -> 'job') - 'interval' || case
             when event #> '{job,interval}' = 'null' then '{"kind": "fine-tune", "edit": null}'
             else jsonb_build_object('kind', 'student', 'edit',
               event #> '{job,interval}' || '{"on": "run", "by": "student"}') end)
           end
         where run_id = $1 and id > $2 and id <= $3 and event ->> 'type' in ('steps', 'job')`,
        [id, from, from + EVENTS_AT_ONCE],
      );
    }
  }
}
