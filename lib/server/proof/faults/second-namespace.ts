/**
 * Another host on the same data folder in a PID namespace of its own, as a second container on one volume has it. While
 * the first lives it has to be refused. Once that is killed it owns the folder, and the host of the next start is refused
 * in its turn until it is killed as well.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { SeededRandom } from '../../../core/random.ts';
import { compiledHost } from '../compiled-host.ts';
import type { Setting } from '../setting.ts';

/** As much of a fault's target as this one reaches. */
interface Target {
  readonly setting: Pick<Setting, 'env' | 'models' | 'fakeEnv'>;
  readonly random: SeededRandom;
  host(): { kill(): Promise<void> };
  restart(): Promise<unknown>;
}

const UNSHARE = ['--pid', '--fork', '--kill-child', '--mount-proc'];
/** How long the host in the namespace trains, at most. */
const TRAINS_MS = 1_500;

export const secondNamespace = {
  name: 'second host in another PID namespace',
  unavailable: () =>
    spawnSync('unshare', [...UNSHARE, 'true']).status === 0 ? null : 'PID namespaces cannot be made here.',
  async inflict({ setting, random, host, restart }: Target): Promise<boolean> {
    const refused = await startInNamespace(setting);
    assert.equal(refused.said, 'database-in-use', 'A second host in another PID namespace got a folder that is in use');
    await ended(refused.child);
    await host().kill();
    const owner = await startInNamespace(setting);
    assert.equal(owner.said, 'ready', 'A host in another PID namespace did not get a folder whose owner was killed');
    await new Promise((go) => setTimeout(go, random.uniform() * TRAINS_MS));
    await assert.rejects(restart(), { code: 'database-in-use' });
    owner.child.kill('SIGKILL');
    await ended(owner.child);
    await restartOnceFree(restart);
    return true;
  },
};

/** Resolves with "ready", or the code of the error that it refused to start with. */
async function startInNamespace({ env, models, fakeEnv }: Target['setting']) {
  const variables = { CONTIGUA_DATA: env.dataFolder, CONTIGUA_SLOTS: '2' };
  const told = { env: variables, fake: fakeEnv(), models, artifacts: null, realTiming: false, timing: {} };
  const child = spawn('unshare', [...UNSHARE, process.execPath, await compiledHost()], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
    env: { ...process.env, PROOF: JSON.stringify(told) },
  });
  const said = await new Promise<string>((resolve, reject) => {
    child.on('message', (message: { readonly ready?: true; readonly refused?: { readonly code: string } }) => {
      if (message.ready) resolve('ready');
      if (message.refused) resolve(message.refused.code);
    });
    child.once('exit', (code, signal) => reject(new Error(`The host in the namespace ended (${signal ?? code})`)));
    child.once('error', reject);
  });
  return { child, said };
}

/** `unshare` is gone a moment before what runs in the namespace. */
async function restartOnceFree(restart: Target['restart']): Promise<void> {
  for (const until = Date.now() + 20_000; ; await new Promise((go) => setTimeout(go, 100))) {
    try {
      await restart();
      return;
    } catch (thrown) {
      const isHeld = thrown instanceof Error && 'code' in thrown && thrown.code === 'database-in-use';
      if (!isHeld || Date.now() > until) throw thrown;
    }
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
