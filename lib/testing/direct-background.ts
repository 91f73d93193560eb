/** The page's background work without a worker: the same two ends, whose messages are cloned as between threads. */
import { type BackgroundPort, createBackground } from '../page/explorer/background/client.ts';
import { serveBackground } from '../page/explorer/background/serve.ts';
import { type BackgroundTasks, createBackgroundTasks } from '../page/explorer/background/tasks.ts';

export function directPort(tasks: BackgroundTasks = createBackgroundTasks()): BackgroundPort {
  let [request, reply] = [(_: never) => {}, (_: never) => {}];
  serveBackground(tasks, {
    postMessage: (message) => queueMicrotask(() => reply(structuredClone(message) as never)),
    onMessage: (listener) => {
      request = listener;
    },
  });
  return {
    postMessage(message) {
      const cloned = structuredClone(message);
      queueMicrotask(() => request(cloned as never));
    },
    onMessage: (listener) => {
      reply = listener;
    },
    onCrash: () => {},
    close: () => {},
  };
}

export const background = createBackground(() => directPort());
