/** The loop of the background worker: each request is answered once. */
import { postInPieces } from '@/lib/compute/pieces.ts';
import { toWire } from '@/lib/compute/wire.ts';
import type { BackgroundReply, BackgroundRequest } from './protocol.ts';
import type { BackgroundTasks } from './tasks.ts';

export function serveBackground(
  tasks: BackgroundTasks,
  port: {
    postMessage(message: unknown): void;
    onMessage(listener: (request: BackgroundRequest) => void): void;
  },
): void {
  const reply = (message: BackgroundReply) => postInPieces(message, port.postMessage);
  port.onMessage(async ({ id, task, input }) => {
    try {
      // Both ends are compiled from the same protocol: the name decides the input's type.
      const work = tasks[task] as (input: unknown) => unknown;
      reply({ id, value: await work(input) });
    } catch (thrown) {
      reply({ id, error: toWire(thrown) });
    }
  });
}
