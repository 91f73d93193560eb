/** The loop of the background worker: each request is answered once. */
import { joined } from '@/lib/compute/joined-pieces.ts';
import { postInPieces } from '@/lib/compute/pieces.ts';
import { toWire } from '@/lib/compute/wire.ts';
import type { BackgroundReply, BackgroundRequest } from './protocol.ts';
import type { BackgroundTasks } from './tasks.ts';

/** Times that are kept for whoever looks, as bench/kept-report.ts and a browser's profiler do; the latest of each task. */
const timed = new Map<string, number>();
const MOST_TIMES = 100;

function noteTime(task: string, start: number): void {
  const name = `background ${task}`;
  const count = (timed.get(name) ?? 0) + 1;
  // A page that stays open for days keeps no list of them.
  if (count > MOST_TIMES) performance.clearMeasures(name);
  timed.set(name, count > MOST_TIMES ? 1 : count);
  performance.measure(name, { start });
}

export function serveBackground(
  tasks: BackgroundTasks,
  port: {
    postMessage(message: unknown): void;
    onMessage(listener: (message: unknown) => void): void;
  },
): void {
  const reply = (message: BackgroundReply) => postInPieces(message, port.postMessage);
  const answer = async ({ id, task, input }: BackgroundRequest) => {
    try {
      // Both ends are compiled from the same protocol: the name decides the input's type.
      const work = tasks[task] as (input: unknown) => unknown;
      const start = performance.now();
      const value = await work(input);
      noteTime(task, start);
      reply({ id, value });
    } catch (thrown) {
      reply({ id, error: toWire(thrown) });
    }
  };
  // Both ends are compiled from the same protocol.
  port.onMessage(joined((request) => void answer(request as BackgroundRequest)));
}
