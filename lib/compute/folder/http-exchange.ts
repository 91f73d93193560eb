/**
 * One request and its answer, watched: an exchange in which no byte arrives for a while is given up, as is one whose caller
 * stops. Whatever ends it before its answer is whole is a `Transient`; what the answer means is the caller's question.
 */
import { ContiguaError } from '../../core/errors.ts';
import { type RetryPolicy, Transient } from './retry.ts';

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;
/** Browsers refuse `fetch` as a method of anything but their global. */
export const hostFetch: Fetch = (url, init) => fetch(url, init);

/** How this host speaks to servers. */
export interface HttpHost {
  readonly fetcher: Fetch;
  readonly retry: RetryPolicy;
  /** Ends what is being read. Asked for at the start of every reading. */
  readonly signal: () => AbortSignal | undefined;
}

export interface Exchange {
  readonly response: Response;
  /** Rejects with `Transient` where the connection breaks or stalls. Must be read to its end, or given up. */
  chunks(): AsyncGenerator<Uint8Array>;
  giveUp(): void;
}

/** `file` names the file in errors. */
export async function exchange(
  { fetcher, retry }: Pick<HttpHost, 'fetcher' | 'retry'>,
  file: string,
  url: string,
  init: RequestInit,
  signal: AbortSignal | undefined,
): Promise<Exchange> {
  const abort = new AbortController();
  const stop = () => abort.abort(signal?.reason);
  if (signal?.aborted) stop();
  signal?.addEventListener('abort', stop, { once: true });
  const release = () => signal?.removeEventListener('abort', stop);
  const giveUp = () => {
    release();
    abort.abort();
  };

  /** The race, since a body may go on waiting after its request was aborted. */
  async function watched<T>(step: Promise<T>, waitedFor: string): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let onAbort = () => {};
    try {
      return await Promise.race([
        step,
        new Promise<never>((_, reject) => {
          timer = setTimeout(() => {
            const seconds = Number((retry.stallMs / 1000).toPrecision(2));
            reject(new Transient(unreachable(file, 'the server stalled', `no ${waitedFor} for ${seconds} s`)));
          }, retry.stallMs);
          onAbort = () => reject(new Transient(unreachable(file, 'the reading was stopped', 'a stop')));
          if (abort.signal.aborted) onAbort();
          abort.signal.addEventListener('abort', onAbort, { once: true });
        }),
      ]);
    } catch (thrown) {
      giveUp();
      if (thrown instanceof Transient) throw thrown;
      const summary = waitedFor === 'answer' ? 'the server cannot be reached' : 'the connection broke';
      throw new Transient(unreachable(file, summary, reasonOf(thrown)));
    } finally {
      clearTimeout(timer);
      abort.signal.removeEventListener('abort', onAbort);
    }
  }

  const response = await watched(fetcher(url, { ...init, signal: abort.signal }), 'answer');
  return {
    response,
    async *chunks() {
      const reader = response.body?.getReader();
      try {
        for (;;) {
          const part = reader && (await watched(reader.read(), 'byte'));
          if (!part?.value) break;
          yield part.value;
        }
        release();
      } finally {
        // Also where the consumer leaves early.
        if (!abort.signal.aborted) reader?.cancel().catch(() => {}); // the exchange is over: a broken connection is no news
        release();
      }
    },
    giveUp,
  };
}

export function unreachable(file: string, summary: string, found?: string, expected?: string): ContiguaError {
  return new ContiguaError('source-unreachable', `Could not read the file: ${summary}`, {
    file,
    found,
    expected,
    hint: 'Check the connection to the server and try again.',
  });
}

/** undici says "fetch failed" or "terminated", and the reason one level down. */
function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const { cause } = thrown;
  if (!(cause instanceof Error)) return thrown.message;
  return cause.message || ('code' in cause ? String(cause.code) : thrown.message);
}
