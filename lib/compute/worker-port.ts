/** The host's end of a line to a worker of the browser. */
export interface WorkerPort<Q, R> {
  postMessage(request: Q): void;
  onMessage(listener: (reply: R) => void): void;
  onCrash(listener: (reason: string) => void): void;
  close(): void;
}

/** A crash is whatever it threw outside an answer, a script that could not be loaded, or a message that could not be read. */
export function workerPort<Q, R>(worker: Worker): WorkerPort<Q, R> {
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
