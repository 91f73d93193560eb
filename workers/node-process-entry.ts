/**
 * A compute process (started by node-process.worker.mjs): hands messages between its parent and its thread that computes.
 * Signals are handled by a process's first thread. A handler that interrupts a matrix product of oneDNN, as TensorFlow 2.21
 * contains it, overwrites the heap (https://github.com/uxlfoundation/oneDNN/issues/4845): nothing is computed on that thread.
 */
import { endWithParent } from '../lib/compute/node-process-parent.ts';
import { startComputeThread } from '../lib/compute/node-thread.ts';

if (!process.send)
  throw new Error('This file is the entry of a compute process; start it through lib/compute/node-process.ts');
endWithParent(Number(process.argv[2]));

// A terminal's Ctrl-C reaches the whole group: the parent decides what becomes of the work, and this process ends with it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

const ALIVE_EVERY_MS = 1_000;

const thread = startComputeThread({ aliveEvery: ALIVE_EVERY_MS });
process.on('message', (request) => thread.postMessage(request));
// Copied, not handed over: the two processes share no memory.
thread.on('message', (reply) => void process.send?.(reply));
thread.on('error', (error) => {
  throw error;
});
thread.on('exit', (code) => process.exit(code));
