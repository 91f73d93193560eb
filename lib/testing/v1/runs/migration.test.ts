/**
 * The tables of an earlier version, brought to today's: every stored plan, model, point and event says what it said, in one
 * shape. Of version 1 (step 2 of the tables, from its own files), and of the state after it (step 3, a model of two stacks).
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { RunPlan } from '../../../core/plan/index.ts';
import { type Database, firstRow, type Queryable } from '../../../server/database/database.ts';
import { openEmbedded } from '../../../server/database/embedded.ts';
import { migrate } from '../../../server/database/migrations.ts';
import { openPostgres } from '../../../server/database/postgres.ts';
import { makePostgres, type TestPostgres, whyNoPostgres } from '../../../server/proof/postgres.ts';
import { textOf } from '../read-fixture.ts';
import { type EarlierData, earlierData, loadDump } from './data-folder.ts';

const LONG_MS = 600_000;
const STREAMS = [
  { id: 'image', label: 'image' },
  { id: 'text', label: 'text' },
];

const pointBefore = z.object({ image: z.number(), text: z.number().nullable() }).loose();
const eventBefore = z.union([
  z.object({ type: z.literal('steps'), key: z.string(), points: z.array(pointBefore) }),
  z.object({
    type: z.literal('job'),
    job: z.object({ interval: z.object({ first: z.int(), last: z.int() }).nullable() }).loose(),
  }),
  z.object({ type: z.enum(['run', 'subset', 'measuring']) }).loose(),
]);

/** What the event says today, by other means than the migration's. */
function eventToday(event: z.infer<typeof eventBefore>): unknown {
  if (event.type === 'steps') return { ...event, points: event.points.map(pointToday) };
  if (event.type !== 'job') return event;
  const { interval, ...job } = event.job;
  const edit = interval && { on: 'run', ...interval, by: 'student' };
  return { type: 'job', job: { ...job, kind: interval ? 'student' : 'fine-tune', edit } };
}

function pointToday({ image, text, ...point }: z.infer<typeof pointBefore>) {
  return { ...point, losses: text === null ? { image } : { image, text } };
}

const EVENTS = 'select run_id, id, event from contigua.events order by run_id, id';
const eventRow = <T>(event: z.ZodType<T>) => z.object({ run_id: z.string(), id: z.int(), event });
const points = (columns: string) =>
  `select job_id, step, attempt, ${columns}, gradient_norm, learning_rate, duration_ms from contigua.points
   order by job_id, step`;
const runRow = z.object({ id: z.string(), model: z.record(z.string(), z.unknown()), plan: z.custom<RunPlan>() });
const runsOf = (db: Queryable) => db.rows(runRow, 'select id, model, plan from contigua.runs order by id');

async function stepOf(db: Queryable): Promise<number> {
  const row = await firstRow(db, z.object({ step: z.int() }), 'select max(step) as step from contigua.migrations');
  return row?.step ?? 0;
}

/** Everything that the step changes, as text. */
async function wholeOf(db: Queryable): Promise<string> {
  const read = (sql: string) => db.rows(z.unknown(), sql);
  return JSON.stringify([
    await stepOf(db),
    await read('select * from contigua.runs order by id'),
    await read('select * from contigua.jobs order by id'),
    await read('select * from contigua.points order by job_id, step'),
    await read(EVENTS),
  ]);
}

describe.each([
  { database: 'the embedded database', embedded: true },
  { database: 'PostgreSQL', embedded: false },
])('$database of an earlier version', { timeout: LONG_MS }, ({ embedded }) => {
  const reason = embedded ? null : whyNoPostgres();
  if (reason !== null) console.warn(`PostgreSQL of an earlier version is not migrated: ${reason}`);
  let postgres: TestPostgres | null = null;
  let number = 0;
  const left: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    if (!embedded && reason === null) postgres = await makePostgres();
  }, LONG_MS);
  afterAll(async () => {
    for (const leave of left.reverse()) await leave();
    await postgres?.remove();
  });

  /** A database of version 1 with its runs, as often as asked for; `open` opens it as it is. */
  async function earlier(): Promise<{ open(): Promise<Database> }> {
    const opened = new Set<Database>();
    const kept = (db: Database) => {
      opened.add(db);
      return { ...db, close: async () => void (opened.delete(db) && (await db.close())) };
    };
    let data: EarlierData | null = null;
    left.push(async () => {
      for (const db of opened) await db.close();
      await data?.remove();
    });
    if (postgres) {
      const url = await postgres.database(`earlier${number++}`);
      await loadDump(url);
      return { open: async () => kept(openPostgres(url)) };
    }
    data = await earlierData(true);
    const folder = data.variables.CONTIGUA_DATA ?? '';
    return { open: async () => kept(await openEmbedded(folder)) };
  }

  it.skipIf(reason !== null)('says the same of every run, point and event, in one shape', async () => {
    const db = await (await earlier()).open();
    expect(await stepOf(db)).toBe(2);
    const runsBefore = await runsOf(db);
    const eventsBefore = await db.rows(eventRow(eventBefore), EVENTS);
    const pointsBefore = await db.rows(pointBefore, points('image, text'));
    expect([eventsBefore.length > 50, pointsBefore.length > 90]).toEqual([true, true]);
    expect(pointsBefore.some(({ text }) => text === null)).toBe(true);

    const sentences: string[] = [];
    await migrate(db, (sentence) => sentences.push(sentence));
    expect(sentences).toEqual([
      `${db.where} was written by an earlier version: migrating its tables from step 2 to ${await stepOf(db)}.`,
    ]);
    expect(await db.rows(z.unknown(), points('losses'))).toEqual(pointsBefore.map(pointToday));
    expect(await db.rows(eventRow(z.unknown()), EVENTS)).toEqual(
      eventsBefore.map(({ event, ...row }) => ({ ...row, event: eventToday(event) })),
    );

    const kinds = await db.rows(z.unknown(), 'select distinct kind from contigua.jobs order by kind');
    expect(kinds).toEqual([{ kind: 'fine-tune' }, { kind: 'measure' }, { kind: 'student' }]);
    for (const [i, { model, plan }] of (await runsOf(db)).entries()) {
      const before = runsBefore[i]!;
      const { numBlocks } = plan.model;
      expect(plan).toMatchObject({ $schema: 'urn:contigua:plan:v3', version: 3 });
      expect([plan.model.streams, plan.model.stacks.length]).toEqual([STREAMS, 1]);
      const intervals: unknown = JSON.parse(JSON.stringify(before.plan)).intervals;
      expect(plan.edits.map(({ first, last, cka, removedError }) => ({ first, last, cka, removedError }))).toEqual(
        intervals,
      );
      expect(new Set(plan.edits.map(({ on, by }) => `${on} ${by}`))).toEqual(new Set(['run student']));
      const costs = z
        .object({ blockParameters: z.number(), flopsPerForward: z.number(), flopsPerBlock: z.number() })
        .parse(before.model.costs);
      const { calibrations: _, ...facts } = before.model;
      expect(model).toEqual({
        ...facts,
        costs: {
          ...costs,
          blockParameters: new Array(numBlocks).fill(costs.blockParameters),
          flopsPerBlock: new Array(numBlocks).fill(costs.flopsPerBlock),
        },
      });
    }
    const whole = await wholeOf(db);
    await migrate(db);
    expect(await wholeOf(db)).toBe(whole);
  });

  it.skipIf(reason !== null)('is upgraded in portions, none left out, with stacks and costs as they were', async () => {
    const db = await (await earlier()).open();
    await toStep3(db);
    const [run] = await runsOf(db);
    const { $schema, version, ...rest } = JSON.parse(JSON.stringify(run?.plan));
    // As the state between the versions stored a model of two stacks, with an own number for each block.
    const intervals = [{ first: 4, last: 5, cka: 0.5, removedError: null }];
    const plan = {
      $schema,
      version,
      ...rest,
      model: { ...rest.model, numBlocks: 6, seams: [3] },
      replacement: 'probes',
      intervals,
      blocks: { before: 6, after: 5 },
      parameters: { before: 100, after: 99 },
      blockMap: [0, 1, 2, 3, 4, null].map((next, old) => ({
        old,
        new: next,
        fate: old === 4 ? 'replaced' : old === 5 ? 'removed' : 'kept',
      })),
    };
    const costs = { blockParameters: [9, 9, 9, 7, 7, 7], flopsPerForward: 50, flopsPerBlock: [3, 3, 3, 2, 2, 2] };
    const model = { name: 'two', fingerprint: 'f', numBlocks: 6, seams: [3], parameters: 100, costs, drawable: false };
    await db.change(
      `insert into contigua.runs (id, name, model_id, model, plan, settings, state, last_event)
       select 'two', 'Two', 'm', $1::text::jsonb, $2::text::jsonb, settings, 'done', 1001 from contigua.runs limit 1`,
      [JSON.stringify({ ...model, calibrations: [] }), JSON.stringify(plan)],
    );
    await db.change(`
      insert into contigua.jobs (run_id, key, kind, first_block, last_block, state, steps)
        values ('two', '4-5', 'interval', 4, 5, 'done', 50001);
      insert into contigua.points (job_id, step, attempt, image, text, gradient_norm, learning_rate, duration_ms)
        select id, n, 1, n, nullif(n % 2, 0), 1, 1, 1 from contigua.jobs, generate_series(1, 50001) as n
        where run_id = 'two';
      insert into contigua.events (run_id, id, event)
        select 'two', id, jsonb_build_object('type', 'steps', 'key', '4-5', 'points', jsonb_build_array(
          jsonb_build_object('step', id, 'image', id, 'text', null))) from generate_series(1, 1001) as id;
    `);
    await migrate(db);
    const two = (await runsOf(db)).find(({ id }) => id === 'two');
    expect(two?.model).toEqual({
      name: 'two',
      fingerprint: 'f',
      numBlocks: 6,
      parameters: 100,
      costs,
      drawable: false,
    });
    expect(two?.plan.model.stacks.map(({ first, last }) => [first, last])).toEqual([
      [0, 2],
      [3, 5],
    ]);
    // The probes are gone from the count: a student stands for both blocks.
    expect([two?.plan.edits, two?.plan.parameters]).toEqual([
      [{ on: 'run', first: 4, last: 5, by: 'student', cka: 0.5, removedError: null, outputError: null }],
      { before: 100, after: 93 },
    ]);
    const counts = await db.rows(
      z.unknown(),
      `select count(*)::int as points, (count(*) filter (where p.losses ? 'text'))::int as texts,
         sum((p.losses ->> 'image')::int)::int as images,
         (select count(*)::int from contigua.events
          where run_id = 'two' and event #> '{points,0}' = jsonb_build_object('step', id, 'losses', jsonb_build_object('image', id))) as events
       from contigua.points p join contigua.jobs j on j.id = p.job_id where j.run_id = 'two'`,
    );
    expect(counts).toEqual([{ points: 50_001, texts: 25_001, images: (50_001 * 50_002) / 2, events: 1001 }]);
  });

  it.skipIf(reason !== null)('is as it was where the step does not come to its end, and opens later', async () => {
    const { open } = await earlier();
    const db = await open();
    const before = await wholeOf(db);
    // The last statement of all: everything else is done by then.
    const breaksOff = interrupted(db, /drop column image/, async () => {
      if (postgres) await postgres.kill();
      throw new Error('cut off');
    });
    await expect(migrate(breaksOff)).rejects.toThrow();
    await db.close();
    if (postgres) await postgres.start();
    const again = await open();
    expect(await wholeOf(again)).toBe(before);
    await migrate(again);
    expect(await wholeOf(again)).not.toBe(before);
  });

  it.skipIf(reason !== null)('is as it was where a stored plan cannot be read, and the run is named', async () => {
    const db = await (await earlier()).open();
    const plan = textOf('plans/run-failed.json').replace('"after": 13', '"after": 12');
    await db.change(`update contigua.runs set plan = $1::text::jsonb where name = 'Failed'`, [plan]);
    const before = await wholeOf(db);
    await expect(migrate(db)).rejects.toMatchObject({
      code: 'plan-invalid',
      message: expect.stringMatching(/^the stored plan of run tp2sdndbbc: `blocks` contradicts/),
    });
    expect(await wholeOf(db)).toBe(before);
  });

  it.skipIf(reason !== null)('is migrated once where two processes open it together', async () => {
    const { open } = await earlier();
    const one = await open();
    const two = embedded ? one : await open();
    const sentences: string[] = [];
    await Promise.all([one, two].map((db) => migrate(db, (sentence) => sentences.push(sentence))));
    expect(sentences).toHaveLength(1);
  });

  it.skipIf(reason !== null)('is refused by an older version than its own', async () => {
    const db = await (await earlier()).open();
    await migrate(db);
    const next = (await stepOf(db)) + 1;
    await db.change('insert into contigua.migrations (step) values ($1)', [next]);
    const before = await wholeOf(db);
    await expect(migrate(db)).rejects.toThrow(`belongs to a newer version of Contigua; found tables at step ${next}`);
    expect(await wholeOf(db)).toBe(before);
  });
});

/** Step 3 as it was released. */
async function toStep3(db: Database): Promise<void> {
  await db.change(`
    alter table contigua.jobs add column pausing boolean not null default false;
    insert into contigua.migrations (step) values (3);
  `);
}

/** The same database, whose transactions break off at a statement. */
function interrupted(db: Database, at: RegExp, breakOff: () => Promise<never>): Database {
  return {
    ...db,
    transaction: (work) =>
      db.transaction((inner) =>
        work({
          ...inner,
          change: async (sql, values) => (at.test(sql) ? breakOff() : await inner.change(sql, values)),
        }),
      ),
  };
}
