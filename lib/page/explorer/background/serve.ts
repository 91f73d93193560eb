/** The loop of the background worker: each request is answered once, in order. */
import { toWire } from '@/lib/compute/wire.ts';
import type { BackgroundReply, BackgroundRequest } from './protocol.ts';
import type { BackgroundTasks } from './tasks.ts';

export function serveBackground(
  tasks: BackgroundTasks,
  port: {
    postMessage(reply: BackgroundReply): void;
    onMessage(listener: (request: BackgroundRequest) => void): void;
  },
): void {
  port.onMessage(({ id, task, input }) => {
    try {
      // Both ends are compiled from the same protocol: the name decides the input's type.
      const work = tasks[task] as (input: unknown) => unknown;
      port.postMessage({ id, value: work(input) });
    } catch (thrown) {
      port.postMessage({ id, error: toWire(thrown) });
    }
  });
}
