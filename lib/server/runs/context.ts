/**
 * What everything about runs works with: the database, the queue of tickets, and who wants to be woken when a run has a
 * new event. Waking only saves a poll; what is true stands in the database.
 */
import type { Database } from '../database/database.ts';
import type { JobQueue } from '../queue.ts';

/** Durations of the machinery, in milliseconds; tests make them short. */
export interface Timing {
  /** A worker that has not been heard of for so long has lost its jobs. */
  readonly lease: number;
  readonly heartbeat: number;
  /** Between two looks for lost jobs. Lease and sweep together stay under the promised 30 s. */
  readonly sweep: number;
  /** Between two looks for waiting jobs, and for new events. */
  readonly poll: number;
  readonly follow: number;
  /** Steps are stored in batches of this age. */
  readonly steps: number;
  /** How long a worker and a stream of events outlast a database or a store that does not answer, and a full disk. */
  readonly patience: number;
  /** A worker whose job had to wait for one of these takes none for so long. */
  readonly rest: number;
  /** A running job may take so long to store its checkpoint when it is paused or given back; three steps if that is more. */
  readonly stop: number;
  /** A compute process that says nothing for so long, and for so many times its median step, hangs. */
  readonly stepFloor: number;
  readonly stepFactor: number;
  /** The same for one that has made no step yet, and for one whose event loop turns while its work stands still. */
  readonly quiet: number;
}

export const DEFAULT_TIMING: Timing = {
  lease: 20_000,
  heartbeat: 2_000,
  sweep: 4_000,
  poll: 500,
  follow: 300,
  steps: 1_000,
  patience: 120_000,
  rest: 30_000,
  stop: 60_000,
  stepFloor: 30_000,
  stepFactor: 20,
  // A first step may take minutes: a block of a large model on one core.
  quiet: 600_000,
};

export interface RunContext {
  readonly db: Database;
  readonly queue: JobQueue;
  readonly wakeups: Wakeups;
}

export type Topic = { readonly run: string } | 'queue' | 'pausing';

/** Same-process listeners per run, for new tickets, and for running jobs that are to pause. */
export class Wakeups {
  private readonly listeners = new Map<string, Set<() => void>>();

  wake(topic: Topic): void {
    for (const listener of this.listeners.get(nameOf(topic)) ?? []) listener();
  }

  /** Returns how to stop listening. */
  listen(topic: Topic, listener: () => void): () => void {
    const name = nameOf(topic);
    const listening = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, listening.add(listener));
    return () => {
      listening.delete(listener);
      if (listening.size === 0) this.listeners.delete(name);
    };
  }
}

function nameOf(topic: Topic): string {
  return typeof topic === 'string' ? topic : `run ${topic.run}`;
}
