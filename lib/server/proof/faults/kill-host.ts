import type { Fault } from './fault.ts';

export const killHost: Fault = {
  name: 'kill -9 of the host and its database',
  unavailable: () => null,
  async inflict({ host, restart }) {
    await host().kill();
    await restart();
    return true;
  },
};
