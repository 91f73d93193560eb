/**
 * One bit flipped in the store, as a failing disk does: in one or all checkpoints of a paused run, which must go on from an
 * older one to the same weights, then in its student, which nothing may use until the bit is as it was. The run is one of
 * its own, of an interval that the trial's plan has not, so that what is expected of undisturbed runs holds of the trial's.
 */
import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { SeededRandom } from '../../../core/random.ts';
import { flipBit } from '../../artifacts/damage-testing.ts';
import type { HostProcess } from '../host-process.ts';
import { isDone, type Setting, until } from '../setting.ts';

interface Target {
  readonly setting: Setting;
  readonly random: SeededRandom;
  host(): HostProcess;
}

const INTERVAL = { first: 14, last: 15 };
const KEY = '14-15';
const CHECKPOINT = /state-(\d+)/;
const STEPS = { steps: 60, checkpointEvery: 10, heldOutEvery: 60 };

/** Checksum of the student of an undisturbed run, per setting. */
const references = new WeakMap<Setting, Promise<string>>();

export const corruptStore = {
  name: 'bit flipped in the store',
  unavailable: () => null,
  async inflict({ setting, random, host }: Target): Promise<boolean> {
    let reference = references.get(setting);
    if (!reference) {
      reference = trained(setting, host());
      references.set(setting, reference);
    }
    const expected = await reference;
    const id = await host().createRun(request(setting));
    // Two are kept.
    await until(host(), id, (run) => isDone(run) || (run.jobs[0]?.checkpointStep ?? 0) >= 20);
    await host().pauseRun(id).catch(ignoreConflict);
    const paused = await until(host(), id, (run) => run.state === 'paused' || isDone(run));
    // Its last step was faster than the pause: nothing goes on from its checkpoints.
    if (isDone(paused)) return false;
    // One that was stored and not acknowledged any more is nobody's.
    const acknowledged = paused.jobs[0]?.checkpointStep ?? 0;
    const checkpoints = (await filesOf(setting, id, CHECKPOINT)).filter((path) => stepOf(path) <= acknowledged);
    for (const path of random.uniform() < 0.5 ? checkpoints : checkpoints.slice(0, 1)) {
      // A superfluous one may be collected this very moment.
      await flipSomewhere(path, random).catch(ignoreMissing);
    }
    await host().resumeRun(id);
    const done = await until(host(), id, isDone);
    assert.match(done.jobs[0]?.note ?? '', /cannot be used/, 'a damaged checkpoint was used, or nobody was told');
    assert.equal((await host().openTrained(id, KEY)).sha256, expected, 'other weights after a damaged checkpoint');

    const [student = ''] = await filesOf(setting, id, /student\.safetensors$/);
    const flipBack = await flipSomewhere(student, random);
    await host().trySubset(id, [KEY], false);
    const damaged = await until(host(), id, ({ jobs, subsets }) => jobs[0]?.error !== null || subsets.length > 0);
    assert.deepEqual(damaged.subsets, [], 'a damaged student was plugged in');
    assert.match(damaged.jobs[0]?.error ?? '', /is damaged/);
    await assert.rejects(host().openTrained(id, KEY), 'a damaged student was opened');
    await flipBack();
    assert.equal((await host().openTrained(id, KEY)).sha256, expected);
    assert.equal((await host().viewRun(id)).jobs[0]?.error, null);
    return true;
  },
};

function request(setting: Setting): ReturnType<Setting['request']> {
  const wanted = setting.request(STEPS);
  const edits = wanted.plan.edits.slice(0, 1).map((one) => ({ ...one, ...INTERVAL }));
  return { ...wanted, plan: { ...wanted.plan, edits } };
}

async function trained(setting: Setting, host: HostProcess): Promise<string> {
  const id = await host.createRun(request(setting));
  await until(host, id, isDone);
  return (await host.openTrained(id, KEY)).sha256;
}

/** Stored files of the run, the checkpoint of the latest step first. */
async function filesOf({ env }: Setting, id: string, wanted: RegExp): Promise<string[]> {
  const folder = join(env.dataFolder, 'artifacts', 'runs', id);
  const names = (await readdir(folder, { recursive: true })).filter((name) => wanted.test(name));
  return names.sort((x, y) => stepOf(y) - stepOf(x)).map((name) => join(folder, name));
}

function stepOf(path: string): number {
  return Number(CHECKPOINT.exec(path)?.[1] ?? 0);
}

/** Returns how to flip it back. */
async function flipSomewhere(path: string, random: SeededRandom): Promise<() => Promise<void>> {
  const position = random.integer((await stat(path)).size);
  await flipBit(path, position);
  return () => flipBit(path, position);
}

/** It was done before it was asked. */
function ignoreConflict(thrown: unknown): void {
  if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'run-conflict')) throw thrown;
}

function ignoreMissing(thrown: unknown): void {
  if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT')) throw thrown;
}
