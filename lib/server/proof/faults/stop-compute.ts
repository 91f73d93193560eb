import { type Fault, sleep } from './fault.ts';

/** It is found hanging and killed; where the stop is shorter than that takes, it goes on. */
export const stopCompute: Fault = {
  name: 'SIGSTOP of a compute process',
  unavailable: () => (process.platform === 'win32' ? 'This system has no SIGSTOP.' : null),
  async inflict({ host, random, stopMs }) {
    const pids = await host().computePids();
    const pid = pids[random.integer(Math.max(1, pids.length))];
    if (pid === undefined || !signalled(pid, 'SIGSTOP')) return false;
    for (const until = Date.now() + stopMs(stopCompute.name); Date.now() < until; await sleep(50)) {
      if (!(await host().computePids()).includes(pid)) return true;
    }
    signalled(pid, 'SIGCONT');
    return true;
  },
};

function signalled(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}
