/** The terminal's compute thread (started by node.worker.mjs): the page's dispatcher with Node's engines and files. */
import { parentPort } from 'node:worker_threads';
import { nodeEngines } from './engines-node.ts';
import { nodeFiles } from './node-files.ts';
import { serve } from './serve.ts';
import { createTasks } from './tasks.ts';

const port = parentPort;
if (!port) throw new Error('This file is the entry of a worker thread; start it through workers/node.ts');

const engines = nodeEngines();
const server = serve(
  {
    postMessage: (reply, transfer) => port.postMessage(reply, transfer),
    onMessage: (listener) => port.on('message', listener),
  },
  createTasks({ engines, files: nodeFiles }),
);
engines.onLost((reason) => server.engineLost(reason));
