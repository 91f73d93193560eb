import { describe, expect, it, vi } from 'vitest';
import { createWorkerClient } from './client.ts';
import type { ClientPort } from './port.ts';
import type { Request } from './protocol.ts';

/** A worker that says only what the test makes it say. */
function scripted() {
  const workers: { sent: Request[]; say(message: unknown): void; crash(reason: string): void; closed: boolean }[] = [];
  const client = createWorkerClient(() => {
    const worker = {
      sent: [] as Request[],
      say: (_: unknown) => {},
      crash: (_: string) => {},
      closed: false,
    };
    workers.push(worker);
    const port: ClientPort = {
      postMessage: (request) => worker.sent.push(structuredClone(request)),
      onMessage: (listener) => {
        worker.say = listener;
      },
      onCrash: (listener) => {
        worker.crash = listener;
      },
      close: () => {
        worker.closed = true;
      },
    };
    return port;
  });
  return { client, workers, worker: (index = workers.length - 1) => workers[index]! };
}
const verified = { maxAbsError: 0, tolerance: 1 };
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'ended',
    (error: { code: string }) => error.code,
  );

describe('the client of a compute worker', () => {
  it('tells calls apart by id, whatever order they end in', async () => {
    const { client, worker } = scripted();
    const first = client.call('verifyEngine', {});
    const second = client.call('verifyEngine', {});
    const [a, b] = worker().sent.map(({ id }) => id);
    worker().say({ type: 'result', id: b, value: 'second' });
    worker().say({ type: 'result', id: a, value: 'first' });
    expect(await Promise.all([first, second])).toEqual(['first', 'second']);
  });

  it('rejects everything pending when the worker crashes, tells its listeners, and closes it', async () => {
    const { client, worker } = scripted();
    const told = vi.fn();
    client.onCrash(told);
    const calls = [client.call('verifyEngine', {}), client.call('startEngine', { wanted: 'auto' })];
    worker().crash('out of memory');
    expect(await Promise.all(calls.map(codeOf))).toEqual(['worker-crashed', 'worker-crashed']);
    await expect(calls[0]).rejects.toThrow(/out of memory.*Restart/);
    expect(told).toHaveBeenCalledOnce();
    expect(worker().closed).toBe(true);
  });

  it('stays down after a crash until it is restarted', async () => {
    const { client, workers, worker } = scripted();
    worker().crash('gone');
    await expect(client.call('verifyEngine', {})).rejects.toMatchObject({ code: 'worker-crashed' });
    expect(workers).toHaveLength(1);
    client.restart();
    const call = client.call('verifyEngine', {});
    worker().say({ type: 'result', id: worker().sent[0]?.id, value: verified });
    expect(await call).toEqual(verified);
    expect(workers).toHaveLength(2);
  });

  it('no longer hears a worker that it has replaced', async () => {
    const { client, worker } = scripted();
    client.restart();
    const call = client.call('verifyEngine', {});
    worker(0).say({ type: 'result', id: worker(1).sent[0]?.id, value: 'of the old one' });
    worker(0).crash('late');
    worker(1).say({ type: 'result', id: worker(1).sent[0]?.id, value: 'of the new one' });
    expect(await call).toBe('of the new one');
  });

  it.each([
    ['a reply without an id', { type: 'result', value: 1 }],
    ['a reply of no known type', { type: 'hello', id: 0 }],
    ['an error without a code', { type: 'error', id: 0, error: 'bad' }],
    ['something that is no message', null],
    [
      'the error of a message that could not be read',
      { type: 'error', id: -1, error: { code: 'internal', summary: 'no id', details: {} } },
    ],
  ])('takes %s for a crash, because some call would wait for ever', async (_, message) => {
    const { client, worker } = scripted();
    const call = client.call('verifyEngine', {});
    worker().say(message);
    expect(await codeOf(call)).toBe('worker-crashed');
  });

  it('does not start a call that is already cancelled', async () => {
    const { client, worker } = scripted();
    expect(await codeOf(client.call('verifyEngine', {}, { signal: AbortSignal.abort() }))).toBe('cancelled');
    expect(worker().sent).toEqual([]);
  });

  it('says `cancelled` by itself when the worker is too busy to answer, and ignores the late answer', async () => {
    vi.useFakeTimers();
    try {
      const { client, worker } = scripted();
      const stop = new AbortController();
      const call = codeOf(client.call('verifyEngine', {}, { signal: stop.signal }));
      stop.abort();
      expect(worker().sent.at(-1)).toMatchObject({ type: 'cancel', id: worker().sent[0]?.id });
      await vi.advanceTimersByTimeAsync(5000);
      expect(await call).toBe('cancelled');
      worker().say({ type: 'result', id: worker().sent[0]?.id, value: verified });
      const next = client.call('verifyEngine', {});
      worker().say({ type: 'result', id: worker().sent.at(-1)?.id, value: verified });
      expect(await next).toEqual(verified);
    } finally {
      vi.useRealTimers();
    }
  });

  it('sends no cancel once a call has ended', async () => {
    const { client, worker } = scripted();
    const stop = new AbortController();
    const call = client.call('verifyEngine', {}, { signal: stop.signal });
    worker().say({ type: 'result', id: worker().sent[0]?.id, value: verified });
    await call;
    stop.abort();
    expect(worker().sent).toHaveLength(1);
  });

  it('fails a call alone whose input cannot be sent', async () => {
    const { client, worker } = scripted();
    const other = client.call('verifyEngine', {});
    const uncloneable = { wanted: 'auto', threads: () => 1 } as unknown as { wanted: 'auto' };
    await expect(client.call('startEngine', uncloneable)).rejects.toMatchObject({ code: 'internal' });
    worker().say({ type: 'result', id: worker().sent[0]?.id, value: verified });
    expect(await other).toEqual(verified);
  });

  it('tells of a lost engine until it is asked to stop', () => {
    const { client, worker } = scripted();
    const told: string[] = [];
    const stopListening = client.onEngineLost((reason) => told.push(reason));
    worker().say({ type: 'engine-lost', reason: 'device reset' });
    stopListening();
    worker().say({ type: 'engine-lost', reason: 'again' });
    expect(told).toEqual(['device reset']);
  });

  it('rejects what is pending when it is closed', async () => {
    const { client, worker } = scripted();
    const call = codeOf(client.call('verifyEngine', {}));
    client.close();
    expect(await call).toBe('worker-crashed');
    expect(worker().closed).toBe(true);
  });
});
