/**
 * Time from `kill -9` to the first step after it: of the compute process, and of the host with the embedded database, each
 * with the fake trainer (the machinery alone) and with the real one on the bundled model (engine start, weights and teacher
 * states included). `node --import ./scripts/sources.mjs bench/resume.ts [kills] [engine]`
 */
import { performance } from 'node:perf_hooks';
import { type HostProcess, startHost } from '../lib/server/proof/host-process.ts';
import { makeSetting, until } from '../lib/server/proof/setting.ts';

const KILLS = Number(process.argv[2] ?? 10);
const ENGINE = process.argv[3] === 'tensorflow' ? 'tensorflow' : 'wasm';

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

for (const trainer of ['fake', 'real'] as const) {
  const setting = await makeSetting({ stepMs: 20 });
  const options = {
    env: {
      CONTIGUA_DATA: setting.env.dataFolder,
      CONTIGUA_SLOTS: '1',
      CONTIGUA_ENGINE: trainer === 'real' ? ENGINE : 'auto',
    },
    fake: trainer === 'fake' ? setting.fakeEnv() : null,
    realTiming: true,
  };
  let host: HostProcess = await startHost(options);
  const request = setting.request({ steps: 100_000, batch: 4, checkpointEvery: 2, heldOutSamples: 2 });
  const plan = { ...request.plan, edits: request.plan.edits.slice(0, 1) };
  const id = await host.createRun({ ...request, plan });
  const trainedAgain = (attempt: number) =>
    until(
      host,
      id,
      ({ jobs: [job] }) => job?.attempt === attempt && job.step > job.checkpointStep && job.stepsPerSecond !== null,
    );
  await trainedAgain(1);
  for (const what of ['compute process', 'host and embedded database'] as const) {
    const times: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const { jobs } = await host.viewRun(id);
      const attempt = jobs[0]?.attempt ?? 0;
      const startedAt = performance.now();
      if (what === 'compute process') for (const pid of await host.computePids()) process.kill(pid, 'SIGKILL');
      else {
        await host.kill();
        host = await startHost(options);
      }
      await trainedAgain(attempt + 1);
      times.push(performance.now() - startedAt);
      await until(host, id, ({ jobs: [job] }) => (job?.checkpointStep ?? 0) > (jobs[0]?.checkpointStep ?? 0));
    }
    const name = `${trainer === 'real' ? `real trainer (${ENGINE})` : 'fake trainer'}, kill of the ${what}`;
    console.log(
      `${name.padEnd(64)} median ${(median(times) / 1000).toFixed(2)} s, worst ${(Math.max(...times) / 1000).toFixed(2)} s`,
    );
  }
  await host.kill();
  await setting.remove();
}
process.exit(0);
