import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockFolder, processStart } from './folder-lock.ts';

let folder = '';
let lock = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-lock-'));
  lock = join(folder, 'lock');
});
afterEach(() => rm(folder, { recursive: true }));

async function heldBy(owner: { pid: number; host?: string; started?: string | null }): Promise<void> {
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
    expect(await readdir(lock)).toEqual(['2.json']);
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
    await expect(lockFolder(lock, folder)).rejects.toThrow(/on elsewhere.*If elsewhere runs it no more, remove .*lock/);
  });
});
