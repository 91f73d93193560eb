/**
 * Queue latency: from the call that creates a run to its interval running, on an idle queue, and how fast a backlog of
 * jobs drains when each takes no time. `node --import ./scripts/sources.mjs bench/queue.ts [runs]`; PostgreSQL where scripts/postgres.mjs finds it.
 * The worker in the same process is woken by the call; one in another process polls twice a second.
 */
import { performance } from 'node:perf_hooks';
import type { Backend } from '../lib/server/backend.ts';
import { createBackend } from '../lib/server/create-backend.ts';
import { type HostProcess, startHost } from '../lib/server/proof/host-process.ts';
import { makePostgres, whyNoPostgres } from '../lib/server/proof/postgres.ts';
import { isDone, makeSetting, startFake, until } from '../lib/server/proof/setting.ts';

const RUNS = Number(process.argv[2] ?? 40);
const BACKLOG = 100;

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
const p95 = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(0.95 * values.length)] ?? Number.NaN;

async function measure(name: string, variables: Record<string, string>, elsewhere: boolean): Promise<void> {
  const setting = await makeSetting(
    { stepMs: 0 },
    { ...variables, CONTIGUA_SLOTS: elsewhere ? '0' : '1', CONTIGUA_QUEUE_LIMIT: '1000' },
  );
  const backend: Backend = await createBackend(setting.env, {
    startCompute: startFake(setting.fakeEnv()),
    report: (sentence) => console.error(sentence),
  });
  let worker: HostProcess | null = null;
  if (elsewhere) {
    worker = await startHost({
      env: { ...variables, CONTIGUA_DATA: `${setting.folder}/worker`, CONTIGUA_SLOTS: '1' },
      fake: setting.fakeEnv(),
      artifacts: `${setting.env.dataFolder}/artifacts`,
      realTiming: true,
    });
  }
  const request = setting.request({ steps: 1 });
  const one = { ...request, plan: { ...request.plan, edits: request.plan.edits.slice(0, 1) } };
  const latencies: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const startedAt = performance.now();
    const id = await backend.createRun(one);
    const stop = new AbortController();
    for await (const { event } of backend.follow(id, 0, stop.signal)) {
      if (event.type === 'job' && event.job.state === 'running') stop.abort();
    }
    latencies.push(performance.now() - startedAt);
    await until(backend, id, isDone);
    // At another phase of the poll each time.
    await new Promise((go) => setTimeout(go, 37 * (run % 14)));
  }
  const startedAt = performance.now();
  const ids: string[] = [];
  for (let run = 0; run < BACKLOG; run++) ids.push(await backend.createRun(one));
  for (const id of ids) await until(backend, id, isDone);
  const perJob = (performance.now() - startedAt) / BACKLOG;
  console.log(
    `${name.padEnd(44)} median ${median(latencies).toFixed(0).padStart(4)} ms, p95 ${p95(latencies).toFixed(0).padStart(4)} ms; ` +
      `backlog of ${BACKLOG}: ${perJob.toFixed(0)} ms per job`,
  );
  await worker?.close();
  await backend.close();
  await setting.remove();
}

console.log(`From createRun to running, ${RUNS} runs each:`);
await measure('PGlite, worker in the same process', {}, false);
const reason = whyNoPostgres();
if (reason) console.error(`PostgreSQL is left out: ${reason}`);
else {
  const postgres = await makePostgres();
  await measure('PostgreSQL, worker in the same process', { DATABASE_URL: await postgres.database('same') }, false);
  await measure('PostgreSQL, worker in another process', { DATABASE_URL: await postgres.database('other') }, true);
  await postgres.remove();
}
process.exit(0);
