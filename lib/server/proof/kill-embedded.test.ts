import { afterEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../core/random.ts';
import type { NumberedEvent } from '../backend.ts';
import { type HostProcess, startHost } from './host-process.ts';
import { isDone, killOne, makeSetting, randomMoment, type Setting, until } from './setting.ts';
import { expectUndisturbed, repeatedSteps, trainUndisturbed } from './undisturbed.ts';

const ended: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

async function setting(work: Parameters<typeof makeSetting>[0]): Promise<Setting> {
  const made = await makeSetting(work);
  ended.push(made.remove);
  return made;
}

describe('the embedded database', () => {
  it('loses nothing when compute processes and the host, and so the database, are killed again and again', {
    timeout: 1_800_000,
  }, async () => {
    const KILLS = 12;
    const STEPS = { steps: 200, checkpointEvery: 15, heldOutEvery: 50 };
    const calm = await setting({});
    const reference = await trainUndisturbed(calm, calm.request(STEPS));

    const wild = await setting({ stepMs: 10 });
    const options = { env: { CONTIGUA_DATA: wild.env.dataFolder, CONTIGUA_SLOTS: '2' }, fake: wild.fakeEnv() };
    const random = seededRandom(4);
    const told: NumberedEvent[] = [];
    let host: HostProcess = await startHost(options);
    ended.push(() => host.kill());
    const id = await host.createRun(wild.request(STEPS));
    await host.follow(id, told);
    const kills = { compute: 0, host: 0 };
    for (let kill = 0; kill < KILLS; kill++) {
      await randomMoment(wild, random);
      if (random.uniform() < 0.4) {
        await host.kill();
        kills.host += 1;
        host = await startHost(options);
        await host.follow(id, told);
      } else if (killOne(await host.computePids(), random)) kills.compute += 1;
    }
    await until(host, id, isDone);
    const view = await until(host, id, ({ lastEventId }) => told.length >= lastEventId);
    const stored: NumberedEvent[] = [];
    await host.follow(id, stored);
    await until(host, id, ({ lastEventId }) => stored.length >= lastEventId);
    const log = await wild.log();
    console.log(
      `${kills.host} kills of the host and its database, ${kills.compute} of compute processes; ` +
        `${repeatedSteps(log)} of ${log.filter(({ begins }) => !begins).length} steps were repeated`,
    );
    expect(kills.host).toBeGreaterThan(2);
    expect(kills.compute).toBeGreaterThan(2);
    expect(repeatedSteps(log)).toBeGreaterThan(0);
    await expectUndisturbed({ backend: host, view, told, stored, log }, reference);
    await host.close();
  });
});
