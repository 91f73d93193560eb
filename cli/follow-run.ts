/** Waits for a run to come to rest, or for the measurement of one choice of its students, and shows what happens. */
import { ContiguaError } from '../lib/core/errors.ts';
import type { JobView, RunView, SubsetView } from '../lib/core/run/index.ts';
import type { Backend } from '../lib/server/backend.ts';
import { runDisplay } from './run-progress.ts';

const SETTLED: ReadonlySet<JobView['state']> = new Set(['done', 'failed', 'cancelled', 'paused']);

/** Resolves with the run once none of its jobs waits or runs; early, with jobs unsettled, when the signal fires. */
export async function followRun(backend: Backend, id: string, signal: AbortSignal): Promise<RunView> {
  const run = await backend.viewRun(id);
  const states = new Map(run.jobs.map(({ key, state }) => [key, state]));
  let runState = run.state;
  // A job that rests on a failed one waits for ever: then the run has come to rest without it.
  const isSettled = () => SETTLED.has(runState) && ![...states.values()].includes('running');
  if (isSettled()) return run;
  const display = runDisplay(process.stderr, run.jobs);
  try {
    for await (const { event } of backend.follow(id, run.lastEventId, signal)) {
      display.show(event);
      if (event.type === 'job') states.set(event.job.key, event.job.state);
      if (event.type === 'run') runState = event.state;
      if (isSettled()) break;
    }
  } finally {
    display.end();
  }
  return await backend.viewRun(id);
}

/** Measures a choice of students, or takes what was measured before. Rejects with why it could not be measured. */
export async function measureSubset(
  backend: Backend,
  id: string,
  plugged: readonly string[],
  fineTuned: boolean,
  signal: AbortSignal,
): Promise<void> {
  const isIt = (one: Pick<SubsetView, 'plugged'> & { fineTuned?: boolean }) =>
    (one.fineTuned ?? false) === fineTuned && [...one.plugged].sort().join() === [...plugged].sort().join();
  const before = await backend.viewRun(id);
  if (before.subsets.some(isIt)) return;
  await backend.trySubset(id, plugged, fineTuned);
  const display = runDisplay(process.stderr, []);
  try {
    for await (const { event } of backend.follow(id, before.lastEventId, signal)) {
      if (event.type === 'subset' && isIt(event.subset)) return;
      if (event.type !== 'measuring' || !isIt(event)) continue;
      if (event.error !== undefined)
        throw new ContiguaError('run-conflict', 'The students could not be measured', { found: event.error });
      display.show(event);
    }
  } finally {
    display.end();
  }
}
