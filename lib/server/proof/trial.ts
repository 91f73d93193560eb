/**
 * Runs of the product with faults at seeded random moments, and what has to hold afterwards: every acknowledged run, event
 * and checkpoint is there, the weights equal those of a run left in peace to the bit, and nothing is orphaned (processes,
 * scratch files, stored files that no row knows). Runs follow each other until enough faults were inflicted.
 */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { seededRandom } from '../../core/random.ts';
import type { NumberedEvent } from '../backend.ts';
import { FAULTS, type Fault, type Target } from './faults/index.ts';
import { type HostProcess, startHost } from './host-process.ts';
import { orphanedFiles, orphanedProcesses } from './orphans.ts';
import { isDone, makeSetting, randomMoment, until } from './setting.ts';
import { expectUndisturbed, repeatedSteps, trainUndisturbed } from './undisturbed.ts';

export interface TrialOptions {
  readonly seed: number;
  /** Faults to inflict at least; each kind comes at least once if there are as many as kinds. */
  readonly faults: number;
  /** Length of the first SIGSTOP of each kind; the others last seconds. */
  readonly longStopMs: number;
  readonly kinds?: readonly Fault[];
  say(line: string): void;
}

export interface TrialResult {
  readonly inflicted: ReadonlyMap<string, number>;
  /** Kinds that cannot be inflicted here, with the reason. */
  readonly skipped: ReadonlyMap<string, string>;
  readonly runs: number;
  readonly events: number;
  readonly steps: number;
  readonly repeatedSteps: number;
}

const STEPS = { steps: 200, checkpointEvery: 15, heldOutEvery: 50 };
const STEP_MS = 10;
const SHORT_STOP_MS = 2_000;
const DISK = '400m';
/** What hangs is found within seconds. */
const TIMING = { stepFloor: 3_000, quiet: 15_000 };

/** Throws an AssertionError that says what was lost. */
export async function runTrial(options: TrialOptions): Promise<TrialResult> {
  const { seed, faults, longStopMs, kinds = FAULTS, say } = options;
  const random = seededRandom(seed);
  const calm = await makeSetting({});
  const reference = await trainUndisturbed(calm, calm.request(STEPS)).finally(calm.remove);

  const wild = await makeSetting({ stepMs: STEP_MS }, {}, undefined, null, DISK);
  const hostOptions = {
    env: { CONTIGUA_DATA: wild.env.dataFolder, CONTIGUA_SLOTS: '2' },
    fake: wild.fakeEnv(),
    timing: TIMING,
  };
  const told = new Map<string, NumberedEvent[]>();
  /** Where each run begins in the log. */
  const logged: number[] = [];
  const stopped = new Set<string>();
  let current = '';
  let host: HostProcess = await startHost(hostOptions);
  const target: Target = {
    setting: wild,
    random,
    host: () => host,
    runId: () => current,
    smallDisk: wild.onSmallDisk,
    async restart() {
      host = await startHost(hostOptions);
      for (const [id, events] of told) await host.follow(id, events);
      return host;
    },
    stopMs(kind) {
      const first = !stopped.has(kind);
      stopped.add(kind);
      return first ? longStopMs : SHORT_STOP_MS * (0.5 + random.uniform());
    },
  };
  const skipped = new Map<string, string>();
  const possible = kinds.filter((kind) => {
    const reason = kind.unavailable(target);
    if (reason !== null) skipped.set(kind.name, reason);
    return reason === null;
  });
  const inflicted = new Map(possible.map(({ name }) => [name, 0]));
  const startRun = async () => {
    logged.push((await wild.log()).length);
    current = await host.createRun(wild.request(STEPS));
    const events: NumberedEvent[] = [];
    told.set(current, events);
    await host.follow(current, events);
  };
  try {
    await startRun();
    let bag: Fault[] = [];
    for (let done = 0; done < faults; ) {
      if (isDone(await host.viewRun(current))) await startRun();
      await randomMoment(wild, random);
      // Every kind once, in a random order, before any comes again.
      if (bag.length === 0) bag = shuffled(possible, random);
      const kind = bag.pop();
      assert.ok(kind, 'No kind of fault can be inflicted here');
      if (!(await kind.inflict(target))) {
        // Its turn comes again at another moment.
        bag.unshift(kind);
        continue;
      }
      inflicted.set(kind.name, (inflicted.get(kind.name) ?? 0) + 1);
      done += 1;
      say(`${done} of ${faults}: ${kind.name}`);
    }
    await until(host, current, isDone);
    const whole = await wild.log();
    let repeated = 0;
    for (const [i, [id, events]] of [...told].entries()) {
      const log = whole.slice(logged[i], logged[i + 1]);
      repeated += repeatedSteps(log);
      const view = await until(host, id, ({ lastEventId }) => events.length >= lastEventId);
      const stored: NumberedEvent[] = [];
      await host.follow(id, stored);
      await until(host, id, ({ lastEventId }) => stored.length >= lastEventId);
      await expectUndisturbed({ backend: host, view, told: events, stored, log }, reference);
    }
    await host.close();
    assert.deepEqual(await orphanedProcesses(wild), []);
    assert.deepEqual(await readdir(join(wild.env.dataFolder, 'scratch')), []);
    assert.deepEqual(await orphanedFiles(wild), []);
    return {
      inflicted,
      skipped,
      runs: told.size,
      events: [...told.values()].reduce((sum, events) => sum + events.length, 0),
      steps: whole.filter(({ begins }) => !begins).length,
      repeatedSteps: repeated,
    };
  } finally {
    await host.kill();
    await wild.remove();
  }
}

function shuffled(kinds: readonly Fault[], random: Target['random']): Fault[] {
  const left = [...kinds];
  const order: Fault[] = [];
  while (left.length > 0) order.push(...left.splice(random.integer(left.length), 1));
  return order;
}
