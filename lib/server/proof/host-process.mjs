/** Entry of a process that the proofs kill: a host of the backend, told what to do by its parent (host-process.ts). */
import { register } from 'tsx/esm/api';

register();
await import('./host-process-entry.ts');
