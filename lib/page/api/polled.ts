/**
 * A question that is asked again and again while someone looks at the answer: the last answer stays while the server is
 * away, with the time since when it is. One question at a time; none while the tab is hidden.
 */
import { createStore, type StoreApi } from 'zustand/vanilla';
import { asContiguaError, type ContiguaError } from '@/lib/core/errors.ts';
import { serverApi } from './api.ts';
import type { RunApi } from './run-api.ts';

export interface Polled<T> {
  readonly answer: T | null;
  readonly problem: ContiguaError | null;
  readonly lostSinceMs: number | null;
}

export interface Poll<T> {
  readonly store: StoreApi<Polled<T>>;
  /** Begins to ask. Returns how to stop. */
  watch(): () => void;
  /** Asks now, besides. */
  now(): Promise<void>;
}

export function pollOf<T>(
  question: (api: RunApi) => Promise<T>,
  everyMs: number,
  connect: () => Promise<RunApi> = serverApi,
): Poll<T> {
  const store = createStore<Polled<T>>(() => ({ answer: null, problem: null, lostSinceMs: null }));
  const now = async () => {
    try {
      const answer = await question(await connect());
      store.setState({ answer, problem: null, lostSinceMs: null });
    } catch (thrown) {
      const problem = asContiguaError(thrown);
      store.setState(({ lostSinceMs }) => ({ problem, lostSinceMs: lostSinceMs ?? Date.now() }));
    }
  };
  const watch = () => {
    let stopped = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const turn = async () => {
      if (!(typeof document !== 'undefined' && document.hidden)) await now();
      if (!stopped) timer = setTimeout(() => void turn(), everyMs);
    };
    void turn();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  };
  return { store, watch, now };
}
