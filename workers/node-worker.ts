/** The thread that computes (started by node.worker.mjs): the page's dispatcher with Node's engines and files. */
import { parentPort, workerData } from 'node:worker_threads';
import { nodeEngines } from '../lib/compute/engines/node-engines.ts';
import { nodeSources } from '../lib/compute/folder/node-sources.ts';
import type { ComputeThreadData } from '../lib/compute/node-thread.ts';
import { PROCESS_MEMORY } from '../lib/compute/process-memory.ts';
import { serve } from '../lib/compute/serve.ts';
import { createTasks } from '../lib/compute/tasks.ts';

const port = parentPort;
if (!port) throw new Error('This file is the entry of a worker thread; start it through lib/compute/node-thread.ts');

const { aliveEvery }: ComputeThreadData = workerData ?? {};
const engines = nodeEngines();
const files = nodeSources();
const server = serve(
  {
    postMessage: (reply, transfer) => port.postMessage(reply, transfer),
    onMessage: (listener) => port.on('message', listener),
  },
  createTasks({ engines, files, memory: () => PROCESS_MEMORY }),
  { ...(aliveEvery !== undefined && { aliveEvery }), onCall: (signal) => files.readUntil?.(signal) },
);
engines.onLost((reason) => server.engineLost(reason));
