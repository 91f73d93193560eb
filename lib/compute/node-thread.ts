/**
 * Starts the compute worker of a terminal or a job process as a thread, so that Ctrl-C and progress stay alive while it
 * computes.
 */
import { SHARE_ENV, Worker } from 'node:worker_threads';
import { createWorkerClient, type WorkerClient } from './client.ts';
import type { ClientPort } from './port.ts';

export function startNodeWorker(entry = new URL('../../workers/node.worker.mjs', import.meta.url)): WorkerClient {
  return createWorkerClient(() => connect(entry));
}

function connect(entry: URL): ClientPort {
  // TensorFlow.js prints advice to stdout, which belongs to the data.
  // Native libraries read the process's environment, of which a thread has a copy unless it is shared.
  const worker = new Worker(entry, { stdout: true, env: SHARE_ENV });
  worker.stdout.pipe(process.stderr);
  return {
    postMessage: (request) => worker.postMessage(request),
    onMessage: (listener) => worker.on('message', listener),
    onCrash(listener) {
      worker.on('error', (error) => listener(error.message));
      worker.on('messageerror', () => listener('a message could not be read'));
      worker.on('exit', (code) => listener(`it exited with code ${code}`));
    },
    close: () => void worker.terminate(),
  };
}
