/** Starts the compute worker of the page. Everything heavy (TensorFlow.js, the model) is loaded inside it, never here. */
import { createWorkerClient, type WorkerClient } from './client.ts';
import type { ClientPort } from './port.ts';

export function startBrowserWorker(): WorkerClient {
  return createWorkerClient(connect, { watches: true });
}

function connect(): ClientPort {
  const worker = new Worker(new URL('../../workers/browser.worker.ts', import.meta.url), {
    type: 'module',
    name: 'contigua',
  });
  return {
    postMessage: (request) => worker.postMessage(request),
    onMessage: (listener) => worker.addEventListener('message', ({ data }) => listener(data)),
    onCrash(listener) {
      worker.addEventListener('error', (event) => {
        event.preventDefault();
        listener(event.message || 'its script could not be loaded');
      });
      worker.addEventListener('messageerror', () => listener('a message could not be read'));
    },
    close: () => worker.terminate(),
  };
}
