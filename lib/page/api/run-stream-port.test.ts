/** A browser that has shared workers and refuses to make one. */
import { afterEach, expect, it, vi } from 'vitest';
import type { StreamSink } from './run-stream.ts';

const opened = vi.hoisted(() => [] as { runs: readonly unknown[]; sink: StreamSink }[]);
vi.mock('./api-trpc.ts', () => ({
  trpcStream: () => (runs: readonly unknown[], sink: StreamSink) => {
    opened.push({ runs, sink });
    return () => {};
  },
}));

afterEach(() => {
  vi.unstubAllGlobals();
});

it('follows runs by itself where the browser refuses a shared worker', async () => {
  const Refused = class {
    constructor() {
      throw new DOMException('The operation is insecure.', 'SecurityError');
    }
  };
  const listeners = { addEventListener: () => {} };
  vi.stubGlobal('SharedWorker', Refused);
  vi.stubGlobal('document', { hidden: false, ...listeners });
  vi.stubGlobal('window', listeners);
  const { browserStream } = await import('./run-stream-port.ts');
  const heard: number[] = [];
  const stop = browserStream('/api/trpc').follow('a', 3, {
    onEvent: (id) => heard.push(id),
    onLive: () => {},
    onLost: () => {},
    onRefused: () => {},
  });
  await vi.waitFor(() => expect(opened).toMatchObject([{ runs: [{ run: 'a', after: 3 }] }]));
  for (const { sink } of opened) sink.onEvent('a', 4, { type: 'run', state: 'done' });
  expect(heard).toEqual([4]);
  stop();
});
