/**
 * Starts the compute worker of a terminal or a job process as a thread, so that Ctrl-C and progress stay alive while it
 * computes.
 */
import { SHARE_ENV, Worker } from 'node:worker_threads';
import { createWorkerClient, type WorkerClient } from './client.ts';
import type { ClientPort } from './port.ts';

export interface ComputeThreadData {
  /** Milliseconds between two signs of life while a call runs; none by default. */
  readonly aliveEvery?: number;
}

const ENTRY = new URL('../../workers/node.worker.mjs', import.meta.url);

export function startNodeWorker(entry = ENTRY): WorkerClient {
  return createWorkerClient(() => connect(entry));
}

export function startComputeThread(workerData: ComputeThreadData = {}, entry = ENTRY): Worker {
  // TensorFlow.js prints advice to stdout, which belongs to the data.
  // Native libraries read the process's environment, of which a thread has a copy unless it is shared.
  const worker = new Worker(entry, { stdout: true, env: SHARE_ENV, workerData });
  worker.stdout.pipe(process.stderr);
  return worker;
}

function connect(entry: URL): ClientPort {
  const worker = startComputeThread({}, entry);
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
