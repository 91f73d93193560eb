/** The background worker of the open page. Its code is loaded by the worker alone. */
import { type Background, createBackground } from './client.ts';

export const background: Background = createBackground(() => {
  const worker = new Worker(new URL('../../../../workers/background.worker.ts', import.meta.url), {
    type: 'module',
    name: 'contigua background',
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
});
