import { afterEach, describe, expect, it } from 'vitest';
import type { WorkerClient } from './client.ts';
import { startNodeWorker } from './node-thread.ts';

const clients: WorkerClient[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});
function started(entry?: URL): WorkerClient {
  const client = startNodeWorker(entry);
  clients.push(client);
  return client;
}
const threadOf = (source: string) => new URL(`data:text/javascript,${encodeURIComponent(source)}`);

describe('a compute thread', () => {
  it('starts an engine, checks it, and can be restarted', async () => {
    const client = started();
    for (const round of [1, 2]) {
      expect(await client.call('startEngine', { wanted: 'wasm' }), `round ${round}`).toMatchObject({ name: 'wasm' });
      const { maxAbsError, tolerance } = await client.call('verifyEngine', {});
      expect(maxAbsError).toBeLessThan(tolerance);
      client.restart();
    }
  });

  it('reads a model by file URL and says what is wrong with it', async () => {
    const client = started();
    await client.call('startEngine', { wanted: 'cpu' });
    const source = { kind: 'url', url: 'file:///nowhere/at/all', name: 'missing' } as const;
    await expect(client.call('openModel', { source })).rejects.toMatchObject({
      code: 'checkpoint-incomplete',
      details: { file: '/nowhere/at/all' },
    });
  });

  it.each([
    ['exits', 'process.exit(3)', /code 3/],
    ['throws', 'throw new Error("out of memory")', /out of memory/],
    ['lets a promise be rejected', 'setTimeout(() => Promise.reject(new Error("forgotten")), 5)', /forgotten/],
  ])('rejects what is pending when it %s', async (_, source, reason) => {
    const client = started(threadOf(source));
    const call = client.call('verifyEngine', {});
    await expect(call).rejects.toMatchObject({ code: 'worker-crashed' });
    await expect(call).rejects.toThrow(reason);
  });
});
