import { expect, it } from 'vitest';
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
    for (let i = 0; i < 3; i++) expect(await corruptStore.inflict({ setting, random, host: () => host })).toBe(true);
    // Each damaged student is told to the host's log as well.
    expect(host.sentences.filter((line) => line.includes('is damaged'))).toHaveLength(3);
  } finally {
    await host.kill();
    await setting.remove();
  }
});
