/**
 * When a request to a server is made again: after a dropped connection, a stall or an answer that says "later", with
 * exponential backoff and jitter, a limited number of times. What the attempts have in common (the byte reached) belongs
 * to the caller. Answers that another attempt cannot change are not `Transient` and end the reading at once.
 */
import { ContiguaError } from '../../core/errors.ts';

export interface RetryPolicy {
  /** Attempts in a row that bring less than `GOOD_BYTES`. */
  readonly attempts: number;
  /** Before the second attempt; doubled for each further one. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** A server that asks for a longer pause (`Retry-After`) is not waited for. */
  readonly maxRetryAfterMs: number;
  /** An attempt ends where no byte has come for this long. */
  readonly stallMs: number;
  /** 0 to 1, for the jitter. */
  readonly random: () => number;
}

export const DEFAULT_RETRY: RetryPolicy = {
  attempts: 6,
  firstDelayMs: 500,
  maxDelayMs: 15_000,
  maxRetryAfterMs: 120_000,
  stallMs: 30_000,
  random: Math.random,
};

/** An attempt that brought this much counts as a success, however it ended: a long range may take many connections. */
const GOOD_BYTES = 2 ** 20;

/** A failure that another attempt may not meet. */
export class Transient extends Error {
  constructor(
    readonly failure: ContiguaError,
    /** Milliseconds that the server asks for; 0 for an attempt at once. */
    readonly retryAfterMs?: number,
  ) {
    super(failure.message);
  }
}

/**
 * Rejects with the failure of the last attempt, or with `cancelled` as soon as the signal fires. An attempt tells the bytes
 * that it brought to `moved`.
 */
export async function withRetries<T>(
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
  attempt: (moved: (bytes: number) => void) => Promise<T>,
): Promise<T> {
  let failures = 0;
  let movedBytes = 0;
  for (;;) {
    if (signal?.aborted) throw stopped();
    try {
      return await attempt((bytes) => {
        movedBytes += bytes;
      });
    } catch (thrown) {
      if (signal?.aborted) throw stopped();
      if (!(thrown instanceof Transient)) throw thrown;
      if (movedBytes >= GOOD_BYTES) failures = 0;
      movedBytes = 0;
      failures += 1;
      const { failure, retryAfterMs } = thrown;
      if (failures >= policy.attempts || (retryAfterMs ?? 0) > policy.maxRetryAfterMs) {
        throw lastOf(failure, failures, retryAfterMs);
      }
      await pause(delayBefore(failures, retryAfterMs, policy), signal);
    }
  }
}

/** Half of the delay is random, so that many readers of one server do not come back at once. */
function delayBefore(failures: number, retryAfterMs: number | undefined, policy: RetryPolicy): number {
  if (retryAfterMs === 0) return 0;
  const backoff = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (failures - 1));
  return Math.max(backoff * (0.5 + policy.random() / 2), retryAfterMs ?? 0);
}

function lastOf({ code, summary, details }: ContiguaError, attempts: number, retryAfterMs = 0): ContiguaError {
  const tried = attempts === 1 ? 'after 1 attempt' : `after ${attempts} attempts in a row`;
  const wait = retryAfterMs > 0 ? `; the server asks to wait ${Math.ceil(retryAfterMs / 1000)} s` : '';
  return new ContiguaError(code, summary, { ...details, found: `${details.found ?? 'nothing'} ${tried}${wait}` });
}

/** Answers that pass: neither the request is at fault nor what it asks for. */
export function isForLater(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

/** `Retry-After`: seconds or a date. Undefined where the answer has none that can be read. */
export function retryAfterOf(headers: Headers, now = Date.now()): number | undefined {
  const text = headers.get('Retry-After')?.trim() ?? '';
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const until = Date.parse(text) - now;
  return Number.isNaN(until) ? undefined : Math.max(until, 0);
}

export function stopped(): ContiguaError {
  return new ContiguaError('cancelled', 'Stopped');
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(stopped());
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', end);
      resolve();
    }, ms);
    signal?.addEventListener('abort', end, { once: true });
  });
}
