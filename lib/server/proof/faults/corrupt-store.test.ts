import { expect, it, vi } from 'vitest';
import { seededRandom } from '../../../core/random.ts';
import { startHost } from '../host-process.ts';
import { makeSetting } from '../setting.ts';
import { corruptStore } from './corrupt-store.ts';

it('bits flipped in checkpoints and students cost steps, never weights, and nothing damaged is used', {
  timeout: 600_000,
}, async () => {
  const setting = await makeSetting({ stepMs: 10 });
  const host = await startHost({
    env: { CONTIGUA_DATA: setting.env.dataFolder, CONTIGUA_SLOTS: '2' },
    fake: setting.fakeEnv(),
  });
  try {
    const random = seededRandom(11);
    // A busy machine may be slower to ask for the pause than the run is.
    for (let i = 0; i < 3; i++) while (!(await corruptStore.inflict({ setting, random, host: () => host })));
    // Each damaged student is told to the host's log as well.
    expect(host.sentences.filter((line) => line.includes('is damaged'))).toHaveLength(3);
  } finally {
    await host.kill();
    await setting.remove();
  }
});

it('a run that ends before it can be paused is no fault, and is not waited for', { timeout: 60_000 }, async () => {
  const setting = await makeSetting({});
  const host = await startHost({
    env: { CONTIGUA_DATA: setting.env.dataFolder, CONTIGUA_SLOTS: '2' },
    fake: setting.fakeEnv(),
  });
  const { viewRun } = host;
  try {
    vi.spyOn(host, 'viewRun').mockImplementation(async (id) => {
      // Seen for the first time when it is over.
      for (;;) {
        const view = await viewRun(id);
        if (view.state === 'done') return view;
        await new Promise((go) => setTimeout(go, 60));
      }
    });
    expect(await corruptStore.inflict({ setting, random: seededRandom(1), host: () => host })).toBe(false);
  } finally {
    await host.kill();
    await setting.remove();
  }
});
