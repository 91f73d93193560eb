import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockFolder, processStart } from './folder-lock.ts';
import { isLocalFileSystem, localLockOption } from './kernel-lock.ts';

let folder = '';
let lock = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-lock-'));
  lock = join(folder, 'lock');
});
afterEach(() => rm(folder, { recursive: true }));

interface FormerOwner {
  readonly pid: number;
  readonly host?: string;
  readonly started?: string | null;
  readonly kernel?: true;
}

/** As a process writes it; without `kernel`, as one of a version that knew no lock of the kernel. */
async function heldBy(owner: FormerOwner): Promise<void> {
  await mkdir(lock, { recursive: true });
  const whole = { host: hostname(), started: null, since: '2026-01-01T00:00:00.000Z', ...owner };
  await writeFile(join(lock, '7.json'), JSON.stringify(whole));
}

/** Of a process that has ended. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return child.pid ?? 0;
}

describe('the lock of a folder', () => {
  it('is one process’s, until that releases it', async () => {
    const mine = await lockFolder(lock, folder);
    const refused = expect(lockFolder(lock, folder)).rejects;
    await refused.toMatchObject({ code: 'database-in-use' });
    await expect(lockFolder(lock, folder)).rejects.toThrow(
      new RegExp(`process ${process.pid} on ${hostname()}, since .*CONTIGUA_DATA.*DATABASE_URL`),
    );
    await mine.release();
    await (await lockFolder(lock, folder)).release();
    // One file of the last owner, empty, so that a slow contender still sees that it came too late.
    expect(await readdir(lock)).toEqual(['2.json', 'held']);
  });

  it('goes to exactly one of many that want it at once, and after its release to exactly one again', async () => {
    for (let round = 0; round < 5; round++) {
      const contenders = await Promise.allSettled(Array.from({ length: 12 }, () => lockFolder(lock, folder)));
      const won = contenders.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      expect(won).toHaveLength(1);
      for (const one of contenders) {
        if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'database-in-use' });
      }
      await won[0]?.release();
    }
  });

  it('is taken over at once from a process that is gone, and from one whose number another process has now', async () => {
    await heldBy({ pid: await deadPid() });
    await (await lockFolder(lock, folder)).release();
    await rm(lock, { recursive: true });
    await heldBy({ pid: process.pid, started: 'an earlier start' });
    await (await lockFolder(lock, folder)).release();
    expect(await processStart(process.pid)).toBe(await processStart(process.pid));
    expect(await processStart(await deadPid())).toBeNull();
  });

  it('is never taken from a process of another machine, which may well live', async () => {
    await heldBy({ pid: await deadPid(), host: 'elsewhere' });
    await expect(lockFolder(lock, folder)).rejects.toThrow(
      /on elsewhere.*If that process no longer runs on elsewhere, remove .*lock/,
    );
  });

  it('is refused while a process of an earlier version has the folder', async () => {
    await heldBy({ pid: process.ppid, started: await processStart(process.ppid) });
    await expect(lockFolder(lock, folder)).rejects.toThrow(new RegExp(`process ${process.ppid} on ${hostname()}`));
  });

  it('is taken over from a container that is gone, whatever its host name was', async (context) => {
    if (!(await isLocalFileSystem(folder))) context.skip('only where the temporary folder is on a local disk');
    await heldBy({ pid: process.pid, host: 'a1b2c3d4e5f6', started: await processStart(process.pid), kernel: true });
    await (await lockFolder(lock, folder)).release();
  });
});

describe('a process whose parent is gone', () => {
  /** Ends some time after its parent, as a job host does that stores its checkpoints. */
  const HOLDER = `
    const { lockFolder } = await import(process.argv[1]);
    await lockFolder(process.argv[2], 'the folder');
    process.on('disconnect', () => setTimeout(() => process.exit(), 1_500));
    process.send('held');`;
  const PARENT = `
    const { spawn } = require('node:child_process');
    const argv = ['--import', './scripts/sources.mjs', '--input-type=module', '-e', ${JSON.stringify(HOLDER)}];
    const child = spawn(process.execPath, [...argv, ...process.argv.slice(1)], { stdio: ['ignore', 2, 2, 'ipc'] });
    child.on('message', (said) => console.log(said));`;

  it('is waited for while it ends', async () => {
    const argv = ['-e', PARENT, new URL('./folder-lock.ts', import.meta.url).href, lock];
    const parent = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(parent, 'exit');
    expect(String((await once(parent.stdout, 'data'))[0])).toBe('held\n');
    await expect(lockFolder(lock, folder)).rejects.toMatchObject({ code: 'database-in-use' });
    parent.kill('SIGKILL');
    await ended;
    const said: string[] = [];
    await (await lockFolder(lock, folder, (sentence) => said.push(sentence))).release();
    expect(said).toEqual([expect.stringMatching(/^Waiting for process \d+, which is ending, to release /)]);
  });
});

describe('two processes in different PID namespaces', () => {
  const inNamespace = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const canUnshare = spawnSync('unshare', [...inNamespace.slice(1), 'true']).status === 0;
  if (!canUnshare) console.warn('PID namespaces cannot be made here: locks between containers are not tested.');
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  /** A process that takes the lock and keeps it; resolves with "held" or the refusal. */
  async function contender(before: readonly string[]): Promise<{ child: ChildProcess; said: string }> {
    const script = `
      const { lockFolder } = await import(${JSON.stringify(new URL('./folder-lock.ts', import.meta.url).href)});
      const said = await lockFolder(${JSON.stringify(lock)}, 'the folder').then(() => 'held', (error) => error.message);
      console.log(said);
      setInterval(() => {}, 1e6);`;
    const node = [process.execPath, '--import', './scripts/sources.mjs', '--input-type=module', '-e', script];
    const [command = '', ...argv] = [...before, ...node];
    // With a channel, as `npm start` keeps its job host: the parent's pid is not to be judged from another namespace.
    const child = spawn(command, argv, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
    children.push(child);
    const text = await new Promise((resolve) => child.stdout?.once('data', resolve));
    return { child, said: String(text).trim() };
  }

  it.skipIf(!canUnshare).each([
    ['outside', [], inNamespace],
    ['inside', inNamespace, []],
    ['in another', inNamespace, inNamespace],
  ])('never both have the lock; a first one %s frees it as soon as it is killed', async (_, first, second) => {
    const holder = await contender(first);
    expect(holder.said).toBe('held');
    const refused = await contender(second);
    expect(refused.said).toMatch(/^the folder: Another process uses this data folder; found process \d+ on/);
    holder.child.kill('SIGKILL');
    // `unshare` itself may be gone a moment before the process in it.
    await expect.poll(async () => (await contender(second)).said, { timeout: 120_000 }).toBe('held');
  });
});

describe('a mount whose locks stay on this machine', () => {
  const mounts = (options: string) => `22 1 253:1 / / rw,relatime shared:1 - ext4 /dev/root rw
40 22 0:35 / /srv/my\\040data rw,relatime shared:9 - nfs4 server:/export rw,vers=4.2,${options},addr=10.0.0.2
41 40 0:36 / /srv/my\\040data/local rw - xfs /dev/sdb rw`;

  it('is told by its options, of the mount that the folder lies in', () => {
    expect(localLockOption(mounts('local_lock=all'), '/srv/my data/contigua')).toBe(
      'nfs4 mounted at /srv/my data with local_lock=all',
    );
    expect(localLockOption(mounts('nolock'), '/srv/my data')).toContain('nolock');
    expect(localLockOption(mounts('local_lock=none'), '/srv/my data/contigua')).toBeNull();
    expect(localLockOption(mounts('nolock'), '/srv/my data/local/contigua')).toBeNull();
    expect(localLockOption(mounts('nolock'), '/srv/my database')).toBeNull();
  });
});
