/** Tabs, the hub between them and the server, joined by ports that deliver later, as real ones do. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ContiguaError } from '@/lib/core/errors.ts';
import type { RunPosition, StreamSink } from './run-stream.ts';
import { createSharedStream, MOST_UNANSWERED, REPEAT_EVERY_MS } from './shared-stream.ts';
import {
  ADJUST_AFTER_MS,
  createHub,
  type FromHub,
  type Hub,
  MOST_FOLLOWED,
  SILENT_TAB_MS,
  type ToHub,
} from './stream-hub.ts';

const event = { type: 'run', state: 'running' } as const;

/** A server that stores events by number and tells them to the streams that are open. */
class Server {
  readonly streams: { readonly runs: readonly RunPosition[]; readonly sink: StreamSink; open: boolean }[] = [];
  readonly stored = new Map<string, number>();

  readonly openStream = (runs: readonly RunPosition[], sink: StreamSink) => {
    const stream = { runs, sink, open: true };
    this.streams.push(stream);
    queueMicrotask(() => {
      if (!stream.open) return;
      sink.onLive();
      for (const { run, after } of runs) {
        for (let id = after + 1; id <= (this.stored.get(run) ?? 0); id++) sink.onEvent(run, id, event);
      }
    });
    return () => {
      stream.open = false;
    };
  };
  happens(run: string, times = 1): void {
    for (let i = 0; i < times; i++) {
      const id = (this.stored.get(run) ?? 0) + 1;
      this.stored.set(run, id);
      for (const { runs, sink } of this.open()) if (runs.some((each) => each.run === run)) sink.onEvent(run, id, event);
    }
  }
  open() {
    return this.streams.filter(({ open }) => open);
  }
}

/** `frozen` keeps what is sent to it, as the browser does with a hidden tab. */
function openTab(hubs: () => Hub) {
  const held: FromHub[] = [];
  const tab = { frozen: false, attempts: 0 };
  let deliver: (message: FromHub) => void = () => {};
  const stream = createSharedStream((onMessage) => {
    tab.attempts++;
    deliver = onMessage;
    let closed = false;
    const receive = hubs().join((message) => {
      const copy = structuredClone(message);
      queueMicrotask(() => {
        if (closed) return;
        if (tab.frozen) held.push(copy);
        else onMessage(copy);
      });
    });
    return {
      post: (message: ToHub) => {
        const copy = structuredClone(message);
        queueMicrotask(() => receive(copy));
      },
      close: () => {
        closed = true;
      },
    };
  });
  const heard: string[] = [];
  const follow = (run: string, after: number) =>
    stream.follow(run, after, {
      onEvent: (id) => heard.push(`${run}:${id}`),
      onLive: () => heard.push('live'),
      onLost: () => heard.push('lost'),
      onRefused: ({ code }) => heard.push(`${run} ${code}`),
    });
  const thaw = () => {
    tab.frozen = false;
    for (const message of held.splice(0)) deliver(message);
  };
  return { tab, follow, heard, thaw, pause: stream.pause, resume: stream.resume };
}
const eventsOf = (heard: readonly string[]) => heard.filter((each) => /:\d+$/.test(each));
const settled = () => vi.advanceTimersByTimeAsync(2 * ADJUST_AFTER_MS);
const numbers = (run: string, first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, i) => `${run}:${first + i}`);

let server: Server;
let hub: Hub;
beforeEach(() => {
  vi.useFakeTimers();
  server = new Server();
  hub = createHub(server.openStream);
});
afterEach(() => {
  hub.close();
  vi.useRealTimers();
});

describe('the tabs of a browser', () => {
  it('share one stream, and each hears the events of its own runs once', async () => {
    const tabs = Array.from({ length: 7 }, () => openTab(() => hub));
    tabs.forEach(({ follow }, i) => void follow(i % 2 === 0 ? 'a' : 'b', 0));
    await settled();
    expect(server.open()).toHaveLength(1);
    server.happens('a', 3);
    server.happens('b', 2);
    await settled();
    tabs.forEach(({ heard }, i) => {
      expect(eventsOf(heard)).toEqual(i % 2 === 0 ? numbers('a', 1, 3) : numbers('b', 1, 2));
      expect(heard[0]).toBe('live');
    });
    expect(server.streams).toHaveLength(1);
  });

  it('go on when the one that came first closes', async () => {
    const [first, second] = [openTab(() => hub), openTab(() => hub)];
    first.follow('a', 0);
    second.follow('a', 0);
    await settled();
    server.happens('a');
    await settled();
    first.pause();
    server.happens('a');
    await settled();
    server.happens('a');
    await settled();
    expect(eventsOf(second.heard)).toEqual(numbers('a', 1, 3));
    expect(server.open()).toHaveLength(1);
  });

  it('miss nothing and hear nothing twice when another comes in later with an older view', async () => {
    const [first, late] = [openTab(() => hub), openTab(() => hub)];
    first.follow('a', 0);
    await settled();
    server.happens('a', 5);
    await settled();
    // Read at event 2; three have passed the stream since.
    late.follow('a', 2);
    await settled();
    server.happens('a');
    await settled();
    expect(eventsOf(first.heard)).toEqual(numbers('a', 1, 6));
    expect(eventsOf(late.heard)).toEqual(numbers('a', 3, 6));
    expect(server.open()).toHaveLength(1);
    expect(server.open()[0]!.runs).toEqual([{ run: 'a', after: 2 }]);
  });

  it('ask the server for nothing again when a new one is as far as the stream', async () => {
    const [first, late] = [openTab(() => hub), openTab(() => hub)];
    first.follow('a', 0);
    await settled();
    server.happens('a', 2);
    late.follow('a', 2);
    await settled();
    expect(late.heard).toEqual(['live']);
    expect(server.streams).toHaveLength(1);
  });

  it('hold no stream once none follows a run, and each run for as long as one does', async () => {
    const [first, second] = [openTab(() => hub), openTab(() => hub)];
    const stops = [first.follow('a', 0), second.follow('b', 0)];
    await settled();
    stops[0]!();
    await settled();
    expect(server.open().map(({ runs }) => runs)).toEqual([[{ run: 'b', after: 0 }]]);
    stops[1]!();
    await settled();
    expect(server.open()).toEqual([]);
    server.happens('a');
    await settled();
    expect(eventsOf(first.heard)).toEqual([]);
  });

  it('are told what is refused, and the others go on', async () => {
    const [first, second] = [openTab(() => hub), openTab(() => hub)];
    first.follow('a', 0);
    second.follow('b', 0);
    await settled();
    server.open()[0]!.sink.onRefused('a', new ContiguaError('run-missing', 'There is no such run'));
    server.happens('b');
    await settled();
    expect(first.heard).toEqual(['live', 'a run-missing']);
    expect(second.heard).toEqual(['live', 'b:1']);
    expect(server.streams).toHaveLength(1);
  });

  it('are refused beyond as many runs as one stream holds', async () => {
    const tab = openTab(() => hub);
    for (let i = 0; i <= MOST_FOLLOWED; i++) tab.follow(`r${i}`, 0);
    await settled();
    expect(tab.heard.filter((each) => each.endsWith('too-many'))).toEqual([`r${MOST_FOLLOWED} too-many`]);
    expect(server.open()[0]!.runs).toHaveLength(MOST_FOLLOWED);
  });

  it('are told when the server is away and when it is back', async () => {
    const tab = openTab(() => hub);
    tab.follow('a', 0);
    await settled();
    server.open()[0]!.sink.onLost();
    await settled();
    server.open()[0]!.sink.onLive();
    await settled();
    expect(tab.heard).toEqual(['live', 'lost', 'live']);
  });

  it('do not keep a run in the stream for one that vanished, and bring it all that it missed if it only slept', async () => {
    const other = openTab(() => hub);
    other.follow('b', 0);
    const told: FromHub[] = [];
    const say = hub.join((message) => told.push(message));
    say({ type: 'follow', wishes: [{ key: 0, run: 'a', after: 0 }] });
    await settled();
    server.happens('a');
    await vi.advanceTimersByTimeAsync(2 * SILENT_TAB_MS);
    expect(server.open().map(({ runs }) => runs)).toEqual([[{ run: 'b', after: 0 }]]);
    server.happens('a', 2);
    say({ type: 'follow', wishes: [{ key: 0, run: 'a', after: 1 }] });
    await settled();
    expect(told.flatMap((message) => (message.type === 'event' ? message.id : []))).toEqual([1, 2, 3]);
  });

  it('are forgotten once they have been silent for long, with a run or without, and known again when they speak', async () => {
    const stays = openTab(() => hub);
    stays.follow('a', 0);
    const say = hub.join(() => {});
    say({ type: 'follow', wishes: [{ key: 0, run: 'b', after: 0 }] });
    // A page that is left follows nothing and never says so again.
    hub.join(() => {})({ type: 'follow', wishes: [] });
    await settled();
    expect(hub.tabs).toBe(3);
    await vi.advanceTimersByTimeAsync(2 * SILENT_TAB_MS);
    expect(hub.tabs).toBe(1);
    say({ type: 'follow', wishes: [{ key: 0, run: 'b', after: 0 }] });
    await settled();
    expect(hub.tabs).toBe(2);
    expect(server.open().map(({ runs }) => runs.map(({ run }) => run).sort())).toEqual([['a', 'b']]);
  });

  it('hear once what came while they were frozen', async () => {
    const sleeper = openTab(() => hub);
    sleeper.follow('a', 0);
    await settled();
    sleeper.tab.frozen = true;
    server.happens('a', 2);
    await vi.advanceTimersByTimeAsync(REPEAT_EVERY_MS);
    sleeper.thaw();
    server.happens('a');
    await settled();
    expect(eventsOf(sleeper.heard)).toEqual(numbers('a', 1, 3));
  });

  it('join another hub when theirs answers no more, and go on from the last event that each has', async () => {
    const tabs = [openTab(() => hub), openTab(() => hub)];
    for (const { follow } of tabs) follow('a', 0);
    await settled();
    server.happens('a', 2);
    await settled();
    // The worker is gone: its stream ends, and messages to it get no answer.
    for (const { tab } of tabs) tab.frozen = true;
    hub.close();
    hub = createHub(server.openStream);
    server.happens('a', 2);
    await vi.advanceTimersByTimeAsync((MOST_UNANSWERED - 1) * REPEAT_EVERY_MS);
    expect(tabs.map(({ tab }) => tab.attempts)).toEqual([1, 1]);
    await vi.advanceTimersByTimeAsync(2 * REPEAT_EVERY_MS);
    expect(tabs.map(({ tab }) => tab.attempts)).toEqual([2, 2]);
    for (const { thaw } of tabs) thaw();
    await settled();
    server.happens('a');
    await settled();
    for (const { heard } of tabs) {
      expect(eventsOf(heard)).toEqual(numbers('a', 1, 5));
      expect(heard).toContain('lost');
      expect(heard.at(-1)).toBe('a:5');
    }
    expect(server.open()).toHaveLength(1);
  });
});
