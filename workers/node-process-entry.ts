/** A compute process (started by node-process.worker.mjs): the page's dispatcher with Node's engines and files. */
import { nodeEngines } from '../lib/compute/engines/node-engines.ts';
import { nodeSources } from '../lib/compute/folder/node-sources.ts';
import { endWithParent } from '../lib/compute/node-process-parent.ts';
import { PROCESS_MEMORY } from '../lib/compute/process-memory.ts';
import { serve } from '../lib/compute/serve.ts';
import { createTasks } from '../lib/compute/tasks.ts';

if (!process.send)
  throw new Error('This file is the entry of a compute process; start it through lib/compute/node-process.ts');
endWithParent(Number(process.argv[2]));

// A terminal's Ctrl-C reaches the whole group: the parent decides what becomes of the work, and this process ends with it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

const ALIVE_EVERY_MS = 1_000;

const engines = nodeEngines();
const files = nodeSources();
const server = serve(
  {
    // Copied, not handed over: the two processes share no memory.
    postMessage: (reply) => void process.send?.(reply),
    onMessage: (listener) => void process.on('message', listener),
  },
  createTasks({ engines, files, memory: PROCESS_MEMORY }),
  { aliveEvery: ALIVE_EVERY_MS, onCall: (signal) => files.readUntil?.(signal) },
);
engines.onLost((reason) => server.engineLost(reason));
