import { killOne } from '../setting.ts';
import type { Fault } from './fault.ts';

export const killCompute: Fault = {
  name: 'kill -9 of a compute process',
  unavailable: () => null,
  inflict: async ({ host, random }) => killOne(await host().computePids(), random),
};
