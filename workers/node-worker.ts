/** The terminal's compute thread (started by node.worker.mjs): the page's dispatcher with Node's engines and files. */
import { parentPort } from 'node:worker_threads';
import { nodeEngines } from '../lib/compute/engines/node-engines.ts';
import { nodeSources } from '../lib/compute/folder/node-sources.ts';
import { PROCESS_MEMORY } from '../lib/compute/process-memory.ts';
import { serve } from '../lib/compute/serve.ts';
import { createTasks } from '../lib/compute/tasks.ts';

const port = parentPort;
if (!port) throw new Error('This file is the entry of a worker thread; start it through lib/compute/node-thread.ts');

const engines = nodeEngines();
const files = nodeSources();
const server = serve(
  {
    postMessage: (reply, transfer) => port.postMessage(reply, transfer),
    onMessage: (listener) => port.on('message', listener),
  },
  createTasks({ engines, files, memory: PROCESS_MEMORY }),
  { onCall: (signal) => files.readUntil?.(signal) },
);
engines.onLost((reason) => server.engineLost(reason));
