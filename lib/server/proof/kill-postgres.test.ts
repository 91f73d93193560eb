import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../core/random.ts';
import type { NumberedEvent } from '../backend.ts';
import { DEFAULT_TIMING } from '../runs/context.ts';
import { type HostProcess, startHost } from './host-process.ts';
import { makePostgres, PASSWORD, type TestPostgres, whyNoPostgres } from './postgres.ts';
import { checksums, isDone, killOne, makeSetting, randomMoment, type Setting, until } from './setting.ts';
import { expectUndisturbed, repeatedSteps, trainUndisturbed } from './undisturbed.ts';

const reason = whyNoPostgres();
if (reason) console.error(`SKIPPED: everything about PostgreSQL. ${reason}`);

const ended: (() => Promise<void>)[] = [];
let postgres: TestPostgres;
beforeAll(async () => {
  if (!reason) postgres = await makePostgres();
}, 600_000);
afterAll(() => postgres?.remove());
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

async function setting(work: Parameters<typeof makeSetting>[0]): Promise<Setting> {
  const made = await makeSetting(work);
  ended.push(made.remove);
  return made;
}

/** A host or a worker: a machine of its own but for the database and the store. */
async function machine(of: Setting, url: string, name: string, realTiming = false): Promise<HostProcess> {
  const host = await startHost({
    env: { CONTIGUA_DATA: join(of.folder, name), DATABASE_URL: url, CONTIGUA_SLOTS: '1' },
    fake: of.fakeEnv(),
    artifacts: join(of.folder, 'store'),
    realTiming,
  });
  ended.push(() => host.kill());
  return host;
}

const sleep = (milliseconds: number) => new Promise((go) => setTimeout(go, milliseconds));

describe.skipIf(reason !== null)('PostgreSQL', () => {
  it('lets two workers share a run, and loses nothing when workers, compute processes and the server are killed', {
    timeout: 1_800_000,
  }, async () => {
    const STEPS = { steps: 200, checkpointEvery: 15, heldOutEvery: 50 };
    const calm = await setting({});
    const reference = await trainUndisturbed(calm, calm.request(STEPS));

    const wild = await setting({ stepMs: 10 });
    const url = await postgres.database('killed');
    const random = seededRandom(7);
    const told: NumberedEvent[] = [];
    // Started at the same moment: both make the tables and the queues.
    const machines = await Promise.all([machine(wild, url, 'one'), machine(wild, url, 'two')]);
    const id = await machines[0].createRun(wild.request(STEPS));
    const kills = { compute: 0, worker: 0, session: 0, server: 0 };
    for (const kill of [
      'compute',
      'session',
      'worker',
      'server',
      'compute',
      'session',
      'worker',
      'server',
      'compute',
    ] as const) {
      await randomMoment(wild, random);
      if (kill === 'compute') {
        const [one, two] = await Promise.all(machines.map((host) => host.computePids()));
        if (killOne([...(one ?? []), ...(two ?? [])], random)) kills.compute += 1;
      } else if (kill === 'session') {
        await postgres.killSession();
        kills.session += 1;
      } else if (kill === 'server') {
        await postgres.kill();
        await sleep(random.uniform() * 1_000);
        await postgres.start();
        kills.server += 1;
      } else {
        const which = random.integer(2);
        await machines[which]?.kill();
        machines[which] = await machine(wild, url, `again-${kills.worker}`);
        kills.worker += 1;
      }
    }
    const [host] = machines;
    await host.follow(id, told);
    const view = await until(host, id, isDone);
    await until(host, id, ({ lastEventId }) => told.length >= lastEventId);
    const log = await wild.log();
    console.log(
      `${Object.entries(kills)
        .map(([what, times]) => `${times} kills of a ${what}`)
        .join(', ')}; ` + `${repeatedSteps(log)} of ${log.filter(({ begins }) => !begins).length} steps were repeated`,
    );
    expect(repeatedSteps(log)).toBeGreaterThan(0);
    expect(new Set(view.jobs.map(({ worker }) => worker?.id)).size).toBeGreaterThan(1);
    await expectUndisturbed({ backend: host, view, told, stored: told, log }, reference);
    expect(JSON.stringify([machines.map(({ sentences }) => sentences), await host.status(), view])).not.toContain(
      PASSWORD,
    );
  });

  it('gives a stopped worker’s interval to another, and changes nothing when the first one wakes', {
    timeout: 600_000,
  }, async () => {
    const calm = await setting({});
    const STEPS = { steps: 200, checkpointEvery: 15, heldOutEvery: 50 };
    const request = calm.request(STEPS);
    const plan = { ...request.plan, edits: request.plan.edits.slice(0, 1) };
    const reference = await trainUndisturbed(calm, { ...request, plan });
    const made = await setting({ stepMs: 10 });
    const url = await postgres.database('stopped');
    const machines = await Promise.all([machine(made, url, 'one'), machine(made, url, 'two')]);
    await made.hold(40);
    const id = await machines[0].createRun({ ...request, plan });
    const told: NumberedEvent[] = [];
    const held = await until(machines[0], id, ({ jobs }) => jobs[0]?.step === 40 && jobs[0].checkpointStep === 30);
    const isHeldBy = (host: HostProcess) => held.jobs[0]?.worker?.id.includes(`-${host.pid}-`);
    const [sleeper, heir] = isHeldBy(machines[0]) ? machines : machines.toReversed();
    if (!sleeper || !heir) throw new Error('Two machines were started');
    process.kill(sleeper.pid, 'SIGSTOP');
    await until(heir, id, ({ jobs }) => jobs[0]?.attempt === 2);
    // The sleeper's compute process is awake: it trains on, and what it says is read when its worker wakes.
    await made.letGo();
    await until(heir, id, ({ jobs }) => (jobs[0]?.checkpointStep ?? 0) >= 60);
    process.kill(sleeper.pid, 'SIGCONT');
    const view = await until(heir, id, isDone);
    await heir.follow(id, told);
    await until(heir, id, ({ lastEventId }) => told.length >= lastEventId);
    expect(view.jobs[0]?.attempt).toBe(2);
    expect(view.jobs[0]?.worker?.id).toContain(`-${heir.pid}-`);
    expect(view.jobs[0]?.note).toMatch(/stopped responding/);
    const pids = await heir.computePids();
    const log = (await made.log()).filter(({ pid }) => pids.includes(pid));
    expect(log.find(({ begins }) => begins)?.step).toBe(30);
    const steps = told.flatMap(({ event }) => (event.type === 'steps' ? event.points.map(({ step }) => step) : []));
    // 31 to 40 twice, nothing else: not one step of the sleeper's was told after it lost the job.
    expect(steps.length).toBe(200 + 10);
    expect(await checksums(heir, view)).toEqual(reference);
    // It works on: nothing of it is broken.
    expect((await sleeper.status()).workers.filter(({ alive }) => alive)).toHaveLength(2);
  });

  it('gives a dead worker’s interval to the other as soon as that has a free slot, before jobs that wait for their first', {
    timeout: 600_000,
  }, async () => {
    const made = await setting({ stepMs: 20 });
    const url = await postgres.database('busy');
    const machines = await Promise.all([machine(made, url, 'one'), machine(made, url, 'two')]);
    const oneInterval = () => {
      const request = made.request({ steps: 200, checkpointEvery: 10 });
      return { ...request, plan: { ...request.plan, edits: request.plan.edits.slice(0, 1) } };
    };
    await made.hold(25);
    const [host] = machines;
    // Two are trained, one on each machine; two wait.
    const ids = [];
    for (let i = 0; i < 4; i++) ids.push(await host.createRun(oneInterval()));
    const [first = '', second = ''] = ids;
    for (const id of [first, second]) await until(host, id, ({ jobs }) => jobs[0]?.checkpointStep === 20);
    const holderOf = async (id: string) => {
      const { jobs } = await host.viewRun(id);
      return machines.findIndex(({ pid }) => jobs[0]?.worker?.id.includes(`-${pid}-`));
    };
    // The host that is asked lives on.
    const lost = (await holderOf(first)) === 1 ? first : second;
    await machines[1].kill();
    const killedAt = Date.now();
    await until(host, lost, ({ jobs }) => jobs[0]?.state === 'queued');
    await made.letGo();
    await until(host, lost, ({ jobs }) => jobs[0]?.attempt === 2);
    console.log(`its only slot was busy: taken over ${((Date.now() - killedAt) / 1000).toFixed(1)} s after the kill`);
    for (const id of ids.slice(2)) expect((await host.viewRun(id)).jobs[0]?.attempt).toBe(0);
    for (const id of ids) await until(host, id, isDone);
  });

  it('gives a dead worker’s interval to another that has a free slot, within what the real durations promise', {
    timeout: 120_000,
  }, async () => {
    // The lease runs out, somebody looks, somebody takes it; the process that trains was started before.
    const { lease, sweep, poll } = DEFAULT_TIMING;
    expect(lease + sweep + poll).toBeLessThanOrEqual(25_000);
    const made = await setting({ stepMs: 100 });
    const url = await postgres.database('takeover');
    const machines = await Promise.all([machine(made, url, 'one', true), machine(made, url, 'two', true)]);
    const [first, second] = machines;
    const request = made.request({ steps: 100_000, checkpointEvery: 5 });
    const plan = { ...request.plan, edits: request.plan.edits.slice(0, 1) };
    const id = await first.createRun({ ...request, plan });
    const view = await until(first, id, ({ jobs }) => (jobs[0]?.checkpointStep ?? 0) > 0);
    const { workers } = await first.status();
    expect(workers.map(({ alive, slots }) => ({ alive, slots }))).toEqual([
      { alive: true, slots: 1 },
      { alive: true, slots: 1 },
    ]);
    const isHeldBy = (host: HostProcess) => view.jobs[0]?.worker?.id.includes(`-${host.pid}-`);
    const [victim, heir] = isHeldBy(first) ? [first, second] : [second, first];
    await victim.kill();
    const killedAt = Date.now();
    const after = await until(
      heir,
      id,
      ({ jobs }) => jobs[0]?.attempt === 2 && (jobs[0]?.step ?? 0) > jobs[0].checkpointStep,
    );
    console.log(`taken over and training again ${((Date.now() - killedAt) / 1000).toFixed(1)} s after the kill`);
    expect(after.jobs[0]?.checkpointStep).toBeGreaterThanOrEqual(view.jobs[0]?.checkpointStep ?? 0);
    expect(after.jobs[0]?.note).toMatch(/stopped responding/);
    await heir.cancelRun(id);
  });
});
