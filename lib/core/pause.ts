/**
 * How long work stays interruptible: a worker hears `cancel` only between macrotasks, and engines that compute on the
 * same thread leave none. The pause is a message to ourselves, which comes after those already waiting and costs
 * microseconds, where a nested timer costs 4 ms.
 */
import { ContiguaError } from './errors.ts';

let turns = 0;

/**
 * Pauses of this process so far. Every unit of interruptible work (a step, a batch through the teacher) pauses once, so a
 * number that stands still while a call runs tells a watcher that the work does too.
 */
export function turnsTaken(): number {
  return turns;
}

/** Lets waiting messages in, then throws `cancelled` if one of them (or anything before) aborted the signal. */
export async function pause(signal: AbortSignal | undefined): Promise<void> {
  turns += 1;
  await new Promise<void>((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
  throwIfCancelled(signal);
}

export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new ContiguaError('cancelled', 'Stopped');
}
