import { until } from '../setting.ts';
import { type Fault, sleep } from './fault.ts';

export const pauseRun: Fault = {
  name: 'pause of the run',
  unavailable: () => null,
  async inflict({ host, runId, random }) {
    const before = await host().viewRun(runId());
    if (before.state === 'done') return false;
    const paused = await host()
      .pauseRun(runId())
      .then(
        () => true,
        (thrown: unknown) => {
          // Its last job has just ended.
          if (thrown instanceof Error && 'code' in thrown && thrown.code === 'run-conflict') return false;
          throw thrown;
        },
      );
    if (!paused) return false;
    const { jobs, state } = await until(host(), runId(), (run) => run.state === 'paused' || run.state === 'done');
    for (const { key, state, step, checkpointStep } of jobs) {
      if (state === 'paused' && step !== checkpointStep) {
        throw new Error(`${key} paused at step ${step}, and its checkpoint is of step ${checkpointStep}`);
      }
    }
    if (state === 'done') return true;
    await sleep(random.uniform() * 300);
    await host().resumeRun(runId());
    return true;
  },
};
