import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createWorkerClient } from './client.ts';
import type { Request } from './protocol.ts';
import { createWatchdog, LEAST_SILENCE_MS, PING_EVERY_MS, TIMES_LONGEST_PAUSE } from './watchdog.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** A worker that answers pings while it is alive, and calls only when the test says so. */
function fakeWorkers() {
  const workers: { alive: boolean; sent: Request[]; say(message: unknown): void }[] = [];
  const client = createWorkerClient(
    () => {
      const worker = { alive: true, sent: [] as Request[], say: (_: unknown) => {} };
      workers.push(worker);
      return {
        postMessage(request) {
          worker.sent.push(request);
          if (worker.alive && request.type === 'ping')
            queueMicrotask(() => worker.say({ type: 'pong', id: request.id }));
        },
        onMessage(listener) {
          worker.say = listener;
        },
        onCrash: () => {},
        close: () => {},
      };
    },
    { watches: true },
  );
  const silences: (number | null)[] = [];
  client.onSilence((silentMs) => silences.push(silentMs));
  return { client, workers, silences };
}
const pings = (sent: readonly Request[]) => sent.filter(({ type }) => type === 'ping').length;
const progress = { stage: 'capture', done: 1, total: 9 };

describe('a worker that falls silent', () => {
  it('is reported while a call waits, again and again, and is not ended', async () => {
    const { client, workers, silences } = fakeWorkers();
    const ended = vi.fn();
    client.call('verifyEngine', {}).then(ended, ended);
    workers[0]!.alive = false;
    await pass(LEAST_SILENCE_MS - 1);
    expect(silences).toEqual([]);
    await pass(1 + 2 * PING_EVERY_MS);
    expect(silences).toEqual([0, 1, 2].map((n) => LEAST_SILENCE_MS + n * PING_EVERY_MS));
    expect(ended).not.toHaveBeenCalled();
    expect(pings(workers[0]!.sent)).toBe(1);
  });

  it('is replaced by restart: what waits is rejected, the report is over, and the next call is answered', async () => {
    const { client, workers, silences } = fakeWorkers();
    const call = client.call('analyse', { calibration: { kind: 'synthetic', samples: 8, timesteps: 1, seed: 1 } });
    const failed = call.catch(({ code }: { code: string }) => code);
    workers[0]!.alive = false;
    await pass(LEAST_SILENCE_MS);
    client.restart();
    expect(await failed).toBe('worker-crashed');
    expect(silences).toEqual([LEAST_SILENCE_MS, null]);
    const next = client.call('verifyEngine', {});
    workers[1]!.say({ type: 'result', id: workers[1]!.sent[0]!.id, value: 'fine' });
    expect(await next).toBe('fine');
    await pass(10 * LEAST_SILENCE_MS);
    expect(silences).toHaveLength(2);
  });

  it('is heard of no more once it answers after all', async () => {
    const { client, workers, silences } = fakeWorkers();
    const call = client.call('verifyEngine', {});
    workers[0]!.alive = false;
    await pass(LEAST_SILENCE_MS);
    workers[0]!.say({ type: 'result', id: workers[0]!.sent[0]!.id, value: 'late' });
    expect(await call).toBe('late');
    expect(silences).toEqual([LEAST_SILENCE_MS, null]);
  });
});

describe('a worker that works', () => {
  it('is never reported while it answers pings, however long a call takes', async () => {
    const { client, workers, silences } = fakeWorkers();
    void client.call('verifyEngine', {});
    await pass(30 * LEAST_SILENCE_MS);
    expect(silences).toEqual([]);
    expect(pings(workers[0]!.sent)).toBeGreaterThan(100);
  });

  it('is never reported while progress comes, even if it cannot answer pings', async () => {
    const { client, workers, silences } = fakeWorkers();
    void client.call('verifyEngine', {});
    workers[0]!.alive = false;
    for (let i = 0; i < 20; i++) {
      await pass(LEAST_SILENCE_MS / 2);
      workers[0]!.say({ type: 'progress', id: workers[0]!.sent[0]!.id, progress });
    }
    expect(silences).toEqual([]);
  });

  it('is asked for nothing while it owes nothing', async () => {
    const { client, workers, silences } = fakeWorkers();
    const call = client.call('verifyEngine', {});
    workers[0]!.say({ type: 'result', id: workers[0]!.sent[0]!.id, value: 'fine' });
    await call;
    await pass(10 * LEAST_SILENCE_MS);
    expect(pings(workers[0]!.sent)).toBe(0);
    expect(silences).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('the watchdog', () => {
  it('waits ten times the longest pause so far, and forgets it with the worker', async () => {
    const silent = vi.fn();
    const watchdog = createWatchdog(() => {}, silent);
    watchdog.watch(true);
    await pass(30_000);
    watchdog.heard();
    await pass(TIMES_LONGEST_PAUSE * 30_000 - PING_EVERY_MS);
    expect(silent).not.toHaveBeenCalled();
    await pass(PING_EVERY_MS);
    expect(silent).toHaveBeenCalledExactlyOnceWith(TIMES_LONGEST_PAUSE * 30_000);
    watchdog.forget();
    watchdog.watch(true);
    silent.mockClear();
    await pass(LEAST_SILENCE_MS);
    expect(silent).toHaveBeenCalledExactlyOnceWith(LEAST_SILENCE_MS);
    watchdog.watch(false);
  });

  it('does not count the time that the machine slept', async () => {
    let atMs = 0;
    const silent = vi.fn();
    const watchdog = createWatchdog(
      () => {},
      silent,
      () => atMs,
    );
    watchdog.watch(true);
    for (let i = 0; i < 3; i++) {
      atMs += 3_600_000;
      await pass(PING_EVERY_MS);
    }
    expect(silent).not.toHaveBeenCalled();
    watchdog.watch(false);
  });
});
