/** Entry of a process that the proofs kill: a host of the backend, told what to do by its parent (host-process.ts). */
import '../../../scripts/sources.mjs';

await import('./host-process-entry.ts');
