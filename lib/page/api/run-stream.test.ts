import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ContiguaError } from '@/lib/core/errors.ts';
import { type Connection, type RunPosition, streamOver } from './run-stream.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Hands out each connection, so that a test plays the server. */
function fakeServer() {
  const connections: { readonly runs: readonly RunPosition[]; readonly end: Connection; closed: boolean }[] = [];
  const heard: string[] = [];
  const open = streamOver((runs, end) => {
    const connection = { runs, end, closed: false };
    connections.push(connection);
    return () => {
      connection.closed = true;
    };
  });
  const follow = (...runs: RunPosition[]) =>
    open(runs, {
      onEvent: (run, id) => heard.push(`${run}:${id}`),
      onLive: () => heard.push('live'),
      onLost: () => heard.push('lost'),
      onRefused: (run, { code }) => heard.push(`${run} ${code}`),
    });
  return { connections, heard, follow };
}
const event = { type: 'run', state: 'running' } as const;
const away = new ContiguaError('server-unreachable', 'The server does not answer');

describe('a stream of several runs', () => {
  it('goes on after the last event of each run when it breaks off', async () => {
    const { connections, heard, follow } = fakeServer();
    follow({ run: 'a', after: 3 }, { run: 'b', after: 0 });
    connections[0]!.end.onStarted();
    connections[0]!.end.onNews({ run: 'a', id: 4, event });
    connections[0]!.end.onEnd(away);
    connections[0]!.end.onNews({ run: 'a', id: 5, event });
    expect(heard).toEqual(['live', 'a:4', 'lost']);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(connections.map(({ closed }) => closed)).toEqual([true, false]);
    expect(connections[1]!.runs).toEqual([
      { run: 'a', after: 4 },
      { run: 'b', after: 0 },
    ]);
  });

  it('is asked for again when the server ends it in good order, ever more slowly while nobody answers', async () => {
    const { connections, follow } = fakeServer();
    const stop = follow({ run: 'a', after: 0 });
    const times: number[] = [];
    for (let i = 0; i < 8; i++) {
      const from = Date.now();
      connections.at(-1)!.end.onEnd(i === 0 ? null : away);
      await vi.advanceTimersToNextTimerAsync();
      times.push(Date.now() - from);
    }
    expect(times).toEqual([500, 1000, 2000, 4000, 5000, 5000, 5000, 5000]);
    stop();
    connections.at(-1)!.end.onEnd(away);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(connections).toHaveLength(9);
  });

  it('forgets a run that is refused and goes on with the others', async () => {
    const { connections, heard, follow } = fakeServer();
    follow({ run: 'a', after: 0 }, { run: 'b', after: 0 });
    connections[0]!.end.onNews({ run: 'a', refused: { code: 'run-missing', summary: 'No such run', details: {} } });
    connections[0]!.end.onNews({ run: 'b', id: 1, event });
    connections[0]!.end.onEnd(null);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(heard).toEqual(['a run-missing', 'b:1', 'lost']);
    expect(connections[1]!.runs).toEqual([{ run: 'b', after: 1 }]);
  });

  it('is not asked for again once it is refused as a whole', async () => {
    const { connections, heard, follow } = fakeServer();
    follow({ run: 'a', after: 0 }, { run: 'b', after: 0 });
    connections[0]!.end.onEnd(new ContiguaError('unauthorized', 'Log in first'));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(heard).toEqual(['a unauthorized', 'b unauthorized']);
    expect(connections).toHaveLength(1);
  });
});
