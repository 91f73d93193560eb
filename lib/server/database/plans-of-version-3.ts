/** Step 5 of the tables: stored plans say over which tokens similarities were taken, and how samples were held out. */
import { z } from 'zod';
import { parseRunPlan } from '../../core/plan/index.ts';
import { json, type Queryable } from './database.ts';

const RUNS_AT_ONCE = 20;
const runBefore = z.object({ id: z.string(), plan: z.unknown() });

export async function toPlansOfVersion3(db: Queryable): Promise<void> {
  for (let last = ''; ; ) {
    const runs = await db.rows(
      runBefore,
      `select id, plan from contigua.runs where id > $1 collate "C" order by id collate "C" limit $2`,
      [last, RUNS_AT_ONCE],
    );
    for (const { id, plan } of runs) {
      const upgraded = parseRunPlan(JSON.stringify(plan), `the stored plan of run ${id}`);
      await db.change('update contigua.runs set plan = $2::text::jsonb where id = $1', [id, json(upgraded)]);
      last = id;
    }
    if (runs.length < RUNS_AT_ONCE) return;
  }
}
