/**
 * One run on the page: read once, then followed from its last event on, with each job's steps. It survives a server that
 * goes away: what was read stays, the page says since when nothing came, and takes the stream up where it broke off.
 */
import { createStore, type StoreApi } from 'zustand/vanilla';
import { asContiguaError, type ContiguaError } from '@/lib/core/errors.ts';
import type { RunEvent } from '@/lib/core/run/index.ts';
import { serverApi } from '../api/api.ts';
import type { RunApi } from '../api/run-api.ts';
import { settle, showError } from '../browser/notices.ts';
import { type FollowedRun, foldEvent, followedFrom, withCurve } from './run-events.ts';

export interface OpenRunState {
  readonly run: FollowedRun | null;
  /** Why there is nothing to follow: no such run, or not allowed. */
  readonly refused: ContiguaError | null;
  /** When the server fell silent, `Date.now()`; null while it does not. */
  readonly lostSinceMs: number | null;
  /** What the user asked for and the server has not answered yet. */
  readonly asking: boolean;
}

export interface OpenRun {
  readonly id: string;
  readonly store: StoreApi<OpenRunState>;
  connect(): Promise<RunApi>;
  /** Begins to follow. Returns how to stop. */
  follow(): () => void;
  /** Asks the server for something about this run; what goes wrong is shown. True when it was done. */
  ask(question: (api: RunApi) => Promise<unknown>): Promise<boolean>;
}

/** Events come faster than anyone reads. */
const SHOW_EVERY_MS = 200;
const RETRY_MS = 2_000;
const FINAL: ReadonlySet<ContiguaError['code']> = new Set(['run-missing', 'unauthorized', 'settings-invalid', 'usage']);

export function openRun(id: string, connect: () => Promise<RunApi> = serverApi): OpenRun {
  const store = createStore<OpenRunState>(() => ({ run: null, refused: null, lostSinceMs: null, asking: false }));
  const change = (next: (run: FollowedRun) => FollowedRun) =>
    store.setState(({ run }) => (run ? { run: next(run) } : {}));
  const lost = () => store.setState(({ lostSinceMs }) => ({ lostSinceMs: lostSinceMs ?? Date.now() }));

  const follow = () => {
    let stopped = false;
    let stopStream = () => {};
    let retry: ReturnType<typeof setTimeout> | undefined;
    let show: ReturnType<typeof setTimeout> | undefined;
    let waiting: { readonly number: number; readonly event: RunEvent }[] = [];
    const flush = () => {
      clearTimeout(show);
      show = undefined;
      const events = waiting;
      waiting = [];
      change((run) => events.reduce((now, { number, event }) => foldEvent(now, number, event), run));
    };
    const begin = async () => {
      try {
        const api = await connect();
        const view = await api.view(id);
        if (stopped) return;
        store.setState(({ run }) => ({ run: followedFrom(view, run?.curves), refused: null, lostSinceMs: null }));
        stopStream = api.follow(id, view.lastEventId, {
          onLive: () => {
            settle('server');
            store.setState({ lostSinceMs: null });
          },
          onLost: lost,
          onRefused: (refused) => store.setState({ refused }),
          onEvent: (number, event) => {
            waiting.push({ number, event });
            show ??= setTimeout(flush, SHOW_EVERY_MS);
          },
        });
        await Promise.all(
          view.jobs.map(async ({ key }) => {
            const points = await api.curve(id, key);
            if (stopped) return;
            flush();
            change((run) => withCurve(run, key, points));
          }),
        );
      } catch (thrown) {
        if (stopped) return;
        const error = asContiguaError(thrown);
        if (FINAL.has(error.code)) return store.setState({ refused: error });
        stopStream();
        lost();
        retry = setTimeout(() => void begin(), RETRY_MS);
      }
    };
    void begin();
    return () => {
      stopped = true;
      clearTimeout(retry);
      clearTimeout(show);
      stopStream();
    };
  };

  const ask: OpenRun['ask'] = async (question) => {
    store.setState({ asking: true });
    settle('run');
    try {
      await question(await connect());
      return true;
    } catch (thrown) {
      showError('run', thrown);
      return false;
    } finally {
      store.setState({ asking: false });
    }
  };
  return { id, store, connect, follow, ask };
}
