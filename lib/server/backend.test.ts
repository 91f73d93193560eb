import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Backend, NumberedEvent } from './backend.ts';
import { createBackend } from './create-backend.ts';
import { checksums, type FakeWork, FINE_TUNE, isDone, makeSetting, type Setting, until } from './proof/setting.ts';

const ended: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

async function started(
  work: FakeWork = {},
  variables: Record<string, string> = {},
): Promise<{ setting: Setting; backend: Backend }> {
  const setting = await makeSetting(work, variables);
  ended.push(setting.remove);
  const backend = await createBackend(setting.env, setting.options);
  ended.push(() => backend.close());
  return { setting, backend };
}

describe('a run', () => {
  it('trains every interval once, then the whole, and tells it in numbered events', async () => {
    const { setting, backend } = await started();
    const id = await backend.createRun(setting.request({ steps: 40 }, { fineTune: FINE_TUNE }));
    const stop = new AbortController();
    const events: NumberedEvent[] = [];
    for await (const event of backend.follow(id, 0, stop.signal)) {
      events.push(event);
      if (event.event.type === 'run' && event.event.state === 'done') stop.abort();
    }
    const view = await backend.viewRun(id);
    expect(view).toMatchObject({ state: 'done', name: 'shapes-mmdit, 16 → 10 blocks' });
    expect(view.jobs.map(({ key, state, step, attempt }) => [key, state, step, attempt])).toEqual([
      ['2-3', 'done', 40, 1],
      ['4-6', 'done', 40, 1],
      ['8-9', 'done', 40, 1],
      ['11-13', 'done', 40, 1],
      ['fine-tune', 'done', 30, 1],
    ]);
    expect(view.jobs[0]?.heldOut.map(({ step }) => step)).toEqual([0, 20, 40]);
    expect(events.map((event) => event.id)).toEqual(events.map((_, i) => i + 1));
    expect(view.lastEventId).toBe(events.length);
    const done = events.flatMap(({ event }) =>
      event.type === 'job' && event.job.state === 'done' ? [event.job.key] : [],
    );
    expect(done.toSorted()).toEqual(['11-13', '2-3', '4-6', '8-9', 'fine-tune']);
    expect(done.at(-1)).toBe('fine-tune');
    for (const key of done) {
      const points = await backend.curve(id, key);
      expect(points.map(({ step }) => step)).toEqual(points.map((_, i) => i + 1));
      const told = events.flatMap(({ event }) => (event.type === 'steps' && event.key === key ? event.points : []));
      expect(told).toEqual(points);
    }
  });
});
