/** Trying again while a database or a store does not answer or a disk is full: an outage that passes costs a run nothing but its length. */
import { asContiguaError, type ErrorCode } from '../core/errors.ts';
import { asDiskFull } from './room.ts';
import { sleep } from './sleep.ts';

const PASSING: ReadonlySet<ErrorCode> = new Set(['database-unreachable', 'store-unreachable', 'disk-full']);
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 2_000;

/** Rejects with the last error after so long, with any other error at once, and as soon as the signal fires. */
export async function outlast<T>(patienceMs: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const since = Date.now();
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (raw) {
      const thrown = asDiskFull(raw);
      if (!PASSING.has(asContiguaError(thrown).code) || Date.now() - since > patienceMs) throw thrown;
    }
    await sleep(wait, signal);
  }
}
