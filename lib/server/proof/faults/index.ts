/** Every kind of fault that the proof knows. */
import type { Fault } from './fault.ts';
import { killCompute } from './kill-compute.ts';
import { killHost } from './kill-host.ts';

export type { Fault, Target } from './fault.ts';

export const FAULTS: readonly Fault[] = [killCompute, killHost];
