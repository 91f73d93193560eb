import type { Fault } from './fault.ts';

export const terminateHost: Fault = {
  name: 'SIGTERM to the host',
  unavailable: () => null,
  async inflict({ host, restart, runId }) {
    await host().terminate();
    const { jobs } = await (await restart()).viewRun(runId());
    // A job that is not over waits at its last step: what was trained was stored before the end.
    for (const { key, state, attempt, step, checkpointStep } of jobs) {
      if (state === 'queued' && attempt > 0 && step !== checkpointStep) {
        throw new Error(
          `${key} was at step ${step} when the host ended, and its checkpoint is of step ${checkpointStep}`,
        );
      }
    }
    return true;
  },
};
