/**
 * Keeps long loops interruptible: a worker hears `cancel` only between macrotasks, so every stage rests for one when it
 * has run for a while, and ends with the code `cancelled` when its signal is aborted.
 */
import { pause, throwIfCancelled } from '../pause.ts';

const SLICE_MS = 40;

export class Pace {
  #resumedAt = performance.now();
  readonly #signal: AbortSignal | undefined;

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** Whether it is time to `rest`; cheap enough for an inner loop. */
  due(): boolean {
    return performance.now() - this.#resumedAt > SLICE_MS;
  }

  /** Lets waiting messages in, then throws if one of them was a cancellation. */
  async rest(): Promise<void> {
    await pause(this.#signal);
    this.#resumedAt = performance.now();
  }

  /** `rest` if it is due; to be called between chunks of work. */
  async breathe(): Promise<void> {
    if (this.due()) await this.rest();
    else throwIfCancelled(this.#signal);
  }
}
