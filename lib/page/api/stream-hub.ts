/**
 * One stream of run events for all tabs of a browser: it has six connections to a host for all of them together. The
 * hub lives in a shared worker, so no tab leads and any may close. Each tab says which runs it follows and from which
 * event on; the hub follows them all in one stream and passes each event on to those that lack it. It asks the server
 * again, from the lowest number that a tab has, whenever a tab needs what the stream has already passed. Pure but for
 * timers; what carries the messages is in run-stream-port.ts.
 */
import { ContiguaError, type ErrorCode, type ErrorDetails } from '@/lib/core/errors.ts';
import type { RunEvent } from '@/lib/core/run/index.ts';
import type { OpenStream, StreamSink } from './run-stream.ts';

/** One follower of a tab; the key is the tab's own and never used again. */
export interface Wish {
  readonly key: number;
  readonly run: string;
  /** Number of the last event that the follower has. */
  readonly after: number;
}

/** All that the tab follows now, in place of what it said before. Said again regularly: a silent tab is taken for closed. */
export interface ToHub {
  readonly type: 'follow';
  readonly wishes: readonly Wish[];
}
export type FromHub =
  | { readonly type: 'event'; readonly run: string; readonly id: number; readonly event: RunEvent }
  | { readonly type: 'live' | 'lost' }
  | { readonly type: 'refused'; readonly run: string; readonly error: RefusedInJson }
  /** Every `follow` is answered, so that a tab notices when the hub is gone. */
  | { readonly type: 'heard' };
export interface RefusedInJson {
  readonly code: ErrorCode;
  readonly summary: string;
  readonly details: ErrorDetails;
}

/** As many as the server follows in one stream (lib/server/routers/follow-runs.ts). */
export const MOST_FOLLOWED = 64;
/** Tabs that open or close together cause one new request. */
export const ADJUST_AFTER_MS = 50;
/** Timers of a hidden tab fire once a minute. */
export const SILENT_TAB_MS = 180_000;
const SWEEP_EVERY_MS = 60_000;

interface Tab {
  post(message: FromHub): void;
  /** By key; `last` is what the tab had or has been sent. */
  wishes: Map<number, { readonly run: string; last: number }>;
  heardAtMs: number;
}

export interface Hub {
  /** Tabs that are remembered: those that were heard of lately. */
  readonly tabs: number;
  /** Returns what takes the tab's messages. */
  join(post: (message: FromHub) => void): (message: ToHub) => void;
  close(): void;
}

export function createHub(openStream: OpenStream, now: () => number = Date.now): Hub {
  const tabs = new Set<Tab>();
  /** Runs in the stream, each with the number of the last event that came. */
  let positions = new Map<string, number>();
  let stopStream: (() => void) | null = null;
  let live = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const sweeper = setInterval(sweep, SWEEP_EVERY_MS);

  const wishesOf = (run: string) =>
    [...tabs].flatMap((tab) =>
      [...tab.wishes.values()].filter((wish) => wish.run === run).map((wish) => ({ tab, wish })),
    );
  const tellAll = (type: 'live' | 'lost') => {
    live = type === 'live';
    for (const tab of tabs) if (tab.wishes.size > 0) tab.post({ type });
  };

  const sink: StreamSink = {
    onEvent(run, id, event) {
      positions.set(run, id);
      const lacking = wishesOf(run).filter(({ wish }) => wish.last < id);
      for (const { wish } of lacking) wish.last = id;
      for (const tab of new Set(lacking.map(({ tab }) => tab))) tab.post({ type: 'event', run, id, event });
    },
    onLive: () => tellAll('live'),
    onLost: () => tellAll('lost'),
    onRefused(run, error) {
      positions.delete(run);
      refuse(run, error);
    },
  };

  function refuse(run: string, { code, summary, details }: ContiguaError): void {
    for (const tab of new Set(wishesOf(run).map(({ tab }) => tab))) {
      for (const [key, wish] of tab.wishes) if (wish.run === run) tab.wishes.delete(key);
      tab.post({ type: 'refused', run, error: { code, summary, details } });
    }
  }

  /** The lowest number that a follower has, by run. */
  function needed(): Map<string, number> {
    const lowest = new Map<string, number>();
    for (const { wishes } of tabs) {
      for (const { run, last } of wishes.values()) lowest.set(run, Math.min(last, lowest.get(run) ?? last));
    }
    return lowest;
  }

  function adjust(): void {
    timer = undefined;
    for (const run of [...needed().keys()].slice(MOST_FOLLOWED)) refuse(run, tooMany());
    const wanted = needed();
    const covered = [...wanted].every(([run, after]) => (positions.get(run) ?? Number.POSITIVE_INFINITY) <= after);
    if (covered && wanted.size === positions.size) return;
    stopStream?.();
    stopStream = null;
    live = false;
    positions = wanted;
    if (wanted.size === 0) return;
    stopStream = openStream(
      [...wanted].map(([run, after]) => ({ run, after })),
      sink,
    );
  }

  function adjustSoon(): void {
    timer ??= setTimeout(adjust, ADJUST_AFTER_MS);
  }

  function sweep(): void {
    for (const tab of tabs) {
      if (now() - tab.heardAtMs < SILENT_TAB_MS) continue;
      // If it was only asleep, its next message brings it and its wishes back, from the last event that it has.
      tabs.delete(tab);
      if (tab.wishes.size > 0) adjustSoon();
      tab.wishes.clear();
    }
  }

  return {
    get tabs() {
      return tabs.size;
    },
    join(post) {
      const tab: Tab = { post, wishes: new Map(), heardAtMs: now() };
      return ({ wishes }) => {
        tab.heardAtMs = now();
        tabs.add(tab);
        const before = tab.wishes;
        // What has been sent to a known follower is on the way to it: only its own first number counts.
        tab.wishes = new Map(wishes.map(({ key, run, after }) => [key, before.get(key) ?? { run, last: after }]));
        tab.post({ type: 'heard' });
        if (live && tab.wishes.size > 0) tab.post({ type: 'live' });
        adjustSoon();
      };
    },
    close() {
      clearTimeout(timer);
      clearInterval(sweeper);
      stopStream?.();
      stopStream = null;
    },
  };
}

function tooMany(): ContiguaError {
  return new ContiguaError('too-many', 'This browser follows too many runs at once', {
    expected: `at most ${MOST_FOLLOWED} runs in all tabs`,
    hint: 'Close tabs of other runs and reload this page.',
  });
}
