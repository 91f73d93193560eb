import { type Fault, sleep } from './fault.ts';

/** Its leases run out meanwhile: what it writes when it wakes counts only where its jobs are still its attempts'. */
export const stopHost: Fault = {
  name: 'SIGSTOP of the host and its database',
  unavailable: () => (process.platform === 'win32' ? 'This system has no SIGSTOP.' : null),
  async inflict({ host, stopMs }) {
    process.kill(host().pid, 'SIGSTOP');
    await sleep(stopMs(stopHost.name));
    process.kill(host().pid, 'SIGCONT');
    return true;
  },
};
