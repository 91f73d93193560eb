import { afterEach, describe, expect, it, vi } from 'vitest';
import { ContiguaError } from '../core/errors.ts';
import { createWorkerClient } from './client.ts';
import type { ClientPort } from './port.ts';
import type { Progress, Reply } from './protocol.ts';
import { type CallContext, serve, type TaskRunner } from './serve.ts';

type Loose = Record<string, (input: never, context: CallContext) => Promise<unknown>>;

const open: MessagePort[] = [];
afterEach(() => {
  for (const port of open.splice(0)) port.close();
});

/** A worker on the far end of a real MessageChannel, so that everything is cloned and transferred as in a browser. */
function serveOn(tasks: Loose) {
  const { port1, port2 } = new MessageChannel();
  open.push(port1, port2);
  const transferred: ArrayBuffer[][] = [];
  const server = serve(
    {
      postMessage(reply, transfer) {
        transferred.push(transfer);
        port2.postMessage(reply, transfer);
      },
      onMessage: (listener) => {
        port2.onmessage = ({ data }) => listener(data);
      },
    },
    tasks as unknown as TaskRunner,
  );
  return { raw: port1, server, transferred };
}

function clientOf(raw: MessagePort) {
  const connect = (): ClientPort => ({
    postMessage: (request) => raw.postMessage(request),
    onMessage: (listener) => {
      raw.onmessage = ({ data }) => listener(data);
    },
    onCrash: () => {},
    close: () => raw.close(),
  });
  return createWorkerClient(connect);
}

/** The replies to raw messages, for what a well-behaved client would never send. */
async function repliesTo(tasks: Loose, messages: readonly unknown[], count: number): Promise<Reply[]> {
  const { raw } = serveOn(tasks);
  const replies: Reply[] = [];
  raw.onmessage = ({ data }) => replies.push(data);
  for (const message of messages) raw.postMessage(message);
  await vi.waitFor(() => expect(replies.length).toBeGreaterThanOrEqual(count));
  await new Promise((resolve) => setTimeout(resolve, 20));
  return replies;
}

const untilAborted = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
  });
const never = () => new Promise<never>(() => {});
const verify = { task: 'verifyEngine', input: {} } as const;

describe('a compute worker', () => {
  it('answers a ping while a call waits for something', async () => {
    const replies = await repliesTo(
      { verifyEngine: never },
      [
        { type: 'call', id: 0, ...verify },
        { type: 'ping', id: 1 },
      ],
      1,
    );
    expect(replies).toEqual([{ type: 'pong', id: 1 }]);
  });

  it('answers a call with its result', async () => {
    const { raw } = serveOn({ verifyEngine: async () => ({ maxAbsError: 1e-5, tolerance: 2e-4 }) });
    expect(await clientOf(raw).call('verifyEngine', {})).toEqual({ maxAbsError: 1e-5, tolerance: 2e-4 });
  });

  it('carries an error with its code and every detail across the wire', async () => {
    const details = { file: 'a.safetensors', tensor: 'x', found: 'F64', expected: 'F32', hint: 'Convert it.' };
    const { raw } = serveOn({
      verifyEngine: async () => {
        throw new ContiguaError('weight-misshapen', 'Wrong dtype', details);
      },
    });
    const error = await clientOf(raw)
      .call('verifyEngine', {})
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ContiguaError);
    expect(error).toMatchObject({ code: 'weight-misshapen', summary: 'Wrong dtype', details });
    expect(String(error)).toContain('a.safetensors › x: Wrong dtype; found F64; expected F32. Convert it.');
  });

  it('answers a foreign error, a rejection and a synchronous throw alike', async () => {
    const { raw } = serveOn({
      verifyEngine: async () => Promise.reject(new TypeError('late')),
      startEngine: () => {
        throw new RangeError('early');
      },
    });
    const client = clientOf(raw);
    await expect(client.call('verifyEngine', {})).rejects.toMatchObject({ code: 'internal', message: 'late' });
    await expect(client.call('startEngine', { wanted: 'auto' })).rejects.toMatchObject({
      code: 'internal',
      message: 'early',
    });
  });

  it('reports progress in order and all of it before the result', async () => {
    const { raw } = serveOn({
      verifyEngine: async (_, { onProgress }) => {
        for (let done = 1; done <= 3; done++) onProgress({ stage: 'cka', done, total: 3, partial: done });
        onProgress({ stage: 'damage', done: 0, total: 2 });
        return 'end';
      },
    });
    const seen: unknown[] = [];
    const onProgress = ({ stage, done }: Progress) => seen.push(`${stage} ${done}`);
    await clientOf(raw)
      .call('verifyEngine', {}, { onProgress })
      .then((value) => seen.push(value));
    expect(seen).toEqual(['cka 1', 'cka 2', 'cka 3', 'damage 0', 'end']);
  });

  it('thins out bare counts, but always tells a partial result and the end of a stage', async () => {
    const total = 2000;
    const { raw } = serveOn({
      verifyEngine: async (_, { onProgress }) => {
        for (let done = 1; done <= total; done++) {
          const partial = done === 700 ? 'partial' : undefined;
          onProgress({ stage: 'capture', done, total, ...(partial && { partial }) });
        }
        return null;
      },
    });
    const seen: Progress[] = [];
    await clientOf(raw).call('verifyEngine', {}, { onProgress: (progress) => seen.push(progress) });
    expect(seen.length).toBeLessThan(total / 2);
    expect(seen.some(({ partial }) => (partial as unknown) === 'partial')).toBe(true);
    expect(seen.at(-1)?.done).toBe(total);
  });

  it('hands over the buffers of a result instead of copying them', async () => {
    const sample = Float32Array.of(1, 2, 3);
    const { raw, transferred } = serveOn({ forward: async () => ({ sample, again: sample, shape: [1, 3, 1] }) });
    const inputs = { path: 'in', url: 'file:///in' };
    const result = await clientOf(raw).call('forward', { inputs });
    expect([...result.sample]).toEqual([1, 2, 3]);
    expect(transferred.at(-1)).toHaveLength(1);
    expect(sample.byteLength).toBe(0);
  });

  it('answers with an error when a result cannot be cloned', async () => {
    const { raw } = serveOn({ verifyEngine: async () => ({ maxAbsError: () => 0 }) });
    await expect(clientOf(raw).call('verifyEngine', {})).rejects.toMatchObject({ code: 'internal' });
  });

  it('runs one call at a time, in order', async () => {
    const events: string[] = [];
    const { raw } = serveOn({
      verifyEngine: async () => {
        events.push('first begins');
        await new Promise((resolve) => setTimeout(resolve, 20));
        events.push('first ends');
      },
      startEngine: async () => {
        events.push('second begins');
      },
    });
    const client = clientOf(raw);
    await Promise.all([client.call('verifyEngine', {}), client.call('startEngine', { wanted: 'auto' })]);
    expect(events).toEqual(['first begins', 'first ends', 'second begins']);
  });

  it('ends a running call with `cancelled` and starts the next only when the work has let go', async () => {
    const events: string[] = [];
    const { raw } = serveOn({
      verifyEngine: async (_, { signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        await new Promise((resolve) => setTimeout(resolve, 20));
        events.push('let go');
      },
      startEngine: async () => {
        events.push('next');
      },
    });
    const client = clientOf(raw);
    const stop = new AbortController();
    const stopped = client.call('verifyEngine', {}, { signal: stop.signal });
    const next = client.call('startEngine', { wanted: 'auto' });
    setTimeout(() => stop.abort(), 5);
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
    await next;
    expect(events).toEqual(['let go', 'next']);
  });

  it('stops training in order, and lets it answer when it has saved', async () => {
    let saved = false;
    const { raw } = serveOn({
      distil: (_, { signal, stop }) =>
        new Promise((_, reject) => {
          const end = (words: string) => () => reject(new ContiguaError('cancelled', words));
          signal.addEventListener('abort', end('at once'));
          stop?.addEventListener('abort', () => {
            setTimeout(() => {
              saved = true;
              end('saved')();
            }, 20);
          });
        }),
    });
    const stop = new AbortController();
    const call = clientOf(raw).call('distil', {} as never, { stop: stop.signal });
    setTimeout(() => stop.abort(), 5);
    await expect(call).rejects.toMatchObject({ code: 'cancelled', summary: 'saved' });
    expect(saved).toBe(true);
  });

  it('stops work that saves nothing as if it were cancelled', async () => {
    const { raw } = serveOn({ verifyEngine: (_, { signal }) => untilAborted(signal) });
    const stop = new AbortController();
    const call = clientOf(raw).call('verifyEngine', {}, { stop: stop.signal });
    setTimeout(() => stop.abort(), 5);
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('gives signs of life while a call runs, and none afterwards', async () => {
    const { port1, port2 } = new MessageChannel();
    open.push(port1, port2);
    const replies: Reply[] = [];
    serve(
      {
        postMessage: (reply) => void replies.push(reply),
        onMessage: (listener) => {
          port2.onmessage = ({ data }) => listener(data);
        },
      },
      { verifyEngine: () => new Promise((go) => setTimeout(go, 100)) } as unknown as TaskRunner,
      { aliveEvery: 5 },
    );
    port1.postMessage({ type: 'call', id: 3, ...verify });
    await vi.waitFor(() => expect(replies.at(-1)).toMatchObject({ type: 'result', id: 3 }), { timeout: 30_000 });
    expect(replies[0]).toEqual({ type: 'alive', id: 3, turns: expect.any(Number) });
    const count = replies.length;
    await new Promise((go) => setTimeout(go, 30));
    expect(replies).toHaveLength(count);
  });

  it('ends a waiting call with `cancelled` without ever starting it', async () => {
    const started = vi.fn();
    const { raw } = serveOn({ verifyEngine: never, startEngine: async () => started() });
    const client = clientOf(raw);
    const first = new AbortController();
    const second = new AbortController();
    const running = client.call('verifyEngine', {}, { signal: first.signal });
    const waiting = client.call('startEngine', { wanted: 'auto' }, { signal: second.signal });
    second.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
    first.abort();
    await expect(running).rejects.toMatchObject({ code: 'cancelled' });
    expect(started).not.toHaveBeenCalled();
  });

  it('answers exactly once when a cancel crosses the result', async () => {
    const call = { type: 'call', id: 7, ...verify };
    const replies = await repliesTo({ verifyEngine: async () => 1 }, [call, { type: 'cancel', id: 7 }], 1);
    expect(replies).toHaveLength(1);
  });

  it('says nothing more of a call that was cancelled', async () => {
    const { raw } = serveOn({
      verifyEngine: async (_, { signal, onProgress }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        onProgress({ stage: 'cka', done: 1, total: 2 });
        throw new Error('echo of the abort');
      },
    });
    const replies: Reply[] = [];
    raw.onmessage = ({ data }) => replies.push(data);
    raw.postMessage({ type: 'call', id: 1, ...verify });
    raw.postMessage({ type: 'cancel', id: 1 });
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(replies).toMatchObject([{ type: 'error', id: 1, error: { code: 'cancelled' } }]);
  });

  it.each([
    ['a task it does not know', { type: 'call', id: 3, task: 'toString', input: {} }, 3],
    ['a type it does not know', { type: 'order', id: 4 }, 4],
    ['a call without a task', { type: 'call', id: 5 }, 5],
    ['a message without an id', { type: 'call', ...verify }, -1],
    ['no message at all', 'hello', -1],
  ])('answers %s with an error', async (_, message, id) => {
    const replies = await repliesTo({}, [message], 1);
    expect(replies).toMatchObject([{ type: 'error', id, error: { code: 'internal' } }]);
  });

  it('ends the running call when the device is lost, even if its work never does, and serves the next', async () => {
    const { raw, server } = serveOn({ verifyEngine: never, startEngine: async () => ({ name: 'wasm' }) });
    const client = clientOf(raw);
    const reasons: string[] = [];
    client.onEngineLost((reason) => reasons.push(reason));
    const hanging = client.call('verifyEngine', {});
    setTimeout(() => server.engineLost('unplugged'), 5);
    await expect(hanging).rejects.toMatchObject({ code: 'engine-lost', summary: 'unplugged' });
    expect(await client.call('startEngine', { wanted: 'auto' })).toEqual({ name: 'wasm' });
    expect(reasons).toEqual(['unplugged']);
  });

  it('serves the next call too when the device is lost under work that was stopped and never lets go', async () => {
    const { raw, server } = serveOn({ verifyEngine: never, startEngine: async () => ({ name: 'wasm' }) });
    const client = clientOf(raw);
    const stop = new AbortController();
    const stopped = client.call('verifyEngine', {}, { signal: stop.signal });
    setTimeout(() => stop.abort(), 5);
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
    const next = client.call('startEngine', { wanted: 'auto' });
    server.engineLost('unplugged');
    expect(await next).toEqual({ name: 'wasm' });
  });
});
