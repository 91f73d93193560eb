/** A model on a server, through the tasks of a compute worker. */
import { afterEach, describe, expect, it } from 'vitest';
import { publishedShape } from '../testing/published-shape.ts';
import { REPO, type SourceServer, startSourceServer } from '../testing/source-server.ts';
import { nodeEngines } from './engines/node-engines.ts';
import { nodeSources } from './folder/node-sources.ts';
import { startComputeProcess } from './node-process.ts';
import { createTasks } from './tasks.ts';

let server: SourceServer | undefined;
afterEach(() => server?.close());
const SOURCE = { kind: 'url', url: `hf:${REPO}`, name: REPO } as const;

describe('a remote model', () => {
  it('is opened by its headers, whatever it weighs', async () => {
    server = await startSourceServer(publishedShape());
    const tasks = createTasks({ engines: nodeEngines(), files: nodeSources({ HF_ENDPOINT: server.hubUrl }) });
    const context = { signal: new AbortController().signal, onProgress: () => {} };
    await tasks.startEngine({ wanted: 'cpu' }, context);
    const { numBlocks, sizeBytes } = await tasks.openModel({ source: SOURCE }, context);
    expect([numBlocks, sizeBytes > 40e9]).toEqual([60, true]);
    expect(server.sentBytes).toBeLessThan(5e6);
  });

  it('whose server stalls is let go of when its call is cancelled, so that the next one runs', async () => {
    server = await startSourceServer(publishedShape());
    const { asked } = server;
    server.fault = ({ path }) => (path.includes('00003-of') ? { stallAfter: 10 } : undefined);
    const { client } = startComputeProcess({ env: { HF_ENDPOINT: server.hubUrl } });
    try {
      await client.call('startEngine', { wanted: 'cpu' });
      const stop = new AbortController();
      const opening = client.call('openModel', { source: SOURCE }, { signal: stop.signal });
      const poll = setInterval(() => {
        if (asked.some(({ path }) => path.includes('00003-of'))) stop.abort();
      }, 20);
      await expect(opening).rejects.toMatchObject({ code: 'cancelled' });
      clearInterval(poll);
      const cancelledAt = performance.now();
      server.fault = () => undefined;
      expect((await client.call('openModel', { source: SOURCE })).numBlocks).toBe(60);
      // A stall alone is waited out for 30 s.
      expect(performance.now() - cancelledAt).toBeLessThan(25_000);
    } finally {
      client.close();
    }
  });
});
