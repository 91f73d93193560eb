/** Every kind of fault that the proof knows. */
import { corruptStore } from './corrupt-store.ts';
import type { Fault } from './fault.ts';
import { fillDataDisk } from './fill-disk.ts';
import { killCompute } from './kill-compute.ts';
import { killHost } from './kill-host.ts';
import { pauseRun } from './pause-run.ts';
import { secondNamespace } from './second-namespace.ts';
import { stopCompute } from './stop-compute.ts';
import { stopHost } from './stop-host.ts';
import { terminateHost } from './terminate-host.ts';

export type { Fault, Target } from './fault.ts';

export const FAULTS: readonly Fault[] = [
  killCompute,
  killHost,
  terminateHost,
  pauseRun,
  stopCompute,
  stopHost,
  fillDataDisk,
  corruptStore,
  secondNamespace,
];
