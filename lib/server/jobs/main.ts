/**
 * `npm run worker`: a job runner alone, on any machine that reaches the PostgreSQL server and the store of the others. It
 * ends with SIGTERM or Ctrl-C in order: its jobs store checkpoints and wait again at once. A second signal ends it at once;
 * its jobs are taken over from their last checkpoints when its leases are over.
 */
import { join } from 'node:path';
import { startComputeProcess } from '../../compute/node-process.ts';
import { ContiguaError } from '../../core/errors.ts';
import { openArtifactStore } from '../artifacts/index.ts';
import { onEndSignal } from '../end-signals.ts';
import { readEnv } from '../env.ts';
import { logLine, logThrown } from '../log.ts';
import { ServerModels } from '../models.ts';
import { DEFAULT_TIMING } from '../runs/context.ts';
import { openRuns } from '../runs/open.ts';
import { MAX_LOSSES } from '../runs/sweep.ts';
import { startJobRunner } from './job-runner.ts';

/** Could not start, and would not the next moment either: sysexits' EX_CONFIG. */
const CANNOT_START = 78;

async function main(): Promise<void> {
  const env = readEnv();
  if (env.databaseUrl === null) {
    throw new ContiguaError('usage', 'A separate job runner needs PostgreSQL', {
      expected: 'DATABASE_URL=postgres://user:password@host:port/name, the same as the server’s',
      hint: 'The embedded database belongs to one process, `npm start`, which works by itself (CONTIGUA_SLOTS).',
    });
  }
  if (env.slots === 0) {
    throw new ContiguaError('usage', 'A job runner without slots does nothing', {
      found: 'CONTIGUA_SLOTS=0',
      expected: '1 or more',
    });
  }
  const report = logLine;
  const { context, close } = await openRuns(env, report);
  const models = new ServerModels(env.modelRoots, join(env.dataFolder, 'uploads'), report);
  const store = openArtifactStore(env);
  const runner = await startJobRunner({
    context,
    store,
    models,
    env,
    timing: DEFAULT_TIMING,
    startCompute: startComputeProcess,
    maxLosses: MAX_LOSSES,
    report,
  });
  console.log(`Job runner ${runner.id} takes jobs from ${context.db.where}; artifacts in ${store.where}`);
  await new Promise<void>((resolve) => {
    const inOrder = () => {
      console.error('Ending: running jobs store checkpoints first … (a second signal ends at once)');
      resolve();
    };
    onEndSignal(['SIGINT', 'SIGTERM', 'SIGHUP'], inOrder, () => process.exit(1));
  });
  await runner.close();
  await close();
}

main().then(
  () => process.exit(0),
  (thrown: unknown) => {
    logThrown(thrown);
    process.exit(thrown instanceof ContiguaError ? CANNOT_START : 1);
  },
);
