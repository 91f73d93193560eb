/** Starts the compute worker of the page. Everything heavy (TensorFlow.js, the model) is loaded inside it, never here. */
import { createWorkerClient, type WorkerClient } from './client.ts';
import { joined } from './joined-pieces.ts';
import type { ClientPort } from './port.ts';
import type { Request } from './protocol.ts';
import { workerPort } from './worker-port.ts';

export function startBrowserWorker(): WorkerClient {
  return createWorkerClient(connect, { watches: true });
}

function connect(): ClientPort {
  const port = workerPort<Request, unknown>(
    new Worker(new URL('../../workers/browser.worker.ts', import.meta.url), { type: 'module', name: 'contigua' }),
  );
  return { ...port, onMessage: (listener) => port.onMessage(joined(listener)) };
}
