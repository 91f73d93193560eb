import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { asDiskFull, withRoom } from './room.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-room-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('says of a full disk that it is full, also where Node says that a folder is not there', async ({ skip }) => {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,nr_inodes=1', 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    console.error('SKIPPED: a folder on a full disk. Mounting a small file system needs root.');
    return skip();
  }
  try {
    const making = withRoom(folder, () => mkdir(join(folder, 'a', 'b'), { recursive: true }));
    await expect(making).rejects.toMatchObject({ code: 'disk-full', details: { file: expect.stringContaining('a') } });
  } finally {
    execFileSync('umount', ['-l', folder]);
  }
});

it('leaves every other failure as it is', async () => {
  const missing = await mkdir(join(folder, 'no', 'parents')).catch((thrown: unknown) => thrown);
  expect(asDiskFull(missing)).toBe(missing);
});
