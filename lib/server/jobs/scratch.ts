/**
 * Folders in which compute processes write what is then stored: one per job runner, one in it per attempt. What a killed job
 * runner left is removed by the next one that starts on the data folder. Beside each folder lies a file that its job runner
 * keeps locked (kernel-lock.ts), which says across PID namespaces and machines whether it lives. Folders without one, of
 * earlier versions or on a file system that cannot lock, are judged by host name and pid, which says nothing in another
 * container.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { processStart } from '../database/folder-lock.ts';
import { isLocalFileSystem, type KernelLock, tryKernelLock } from '../database/kernel-lock.ts';

export interface Scratch {
  /** A fresh folder, by a name that no other attempt of this job runner has. */
  folder(name: string): Promise<string>;
  remove(folder: string): Promise<void>;
  close(): Promise<void>;
}

const LOCK = '.lock';

export async function openScratch(dataFolder: string): Promise<Scratch> {
  const root = join(dataFolder, 'scratch');
  await mkdir(root, { recursive: true });
  await removeLeftBehind(root);
  const { own, lock } = await lockedName(root);
  await mkdir(own, { recursive: true });
  return {
    async folder(name) {
      const path = join(own, name);
      await rm(path, { recursive: true, force: true });
      await mkdir(path);
      return path;
    },
    remove: (folder) => removeTree(folder),
    async close() {
      await removeTree(own);
      if (lock !== 'impossible') await removeLock(own, lock);
    },
  };
}

/** A process that is just being killed may still write into it. */
const removeTree = (path: string) => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });

/** Host, pid and a digest of the process's start: pids come again, and machines may share the folder. */
async function nameOf(pid: number): Promise<string> {
  return `${hostTag()}-${pid}-${tag((await processStart(pid)) ?? '')}`;
}

/** The lock comes before the folder, which would be judged by the pid without it. */
async function lockedName(root: string): Promise<{ own: string; lock: KernelLock | 'impossible' }> {
  for (;;) {
    // Two containers may have the same host name, pid and start, and one process several job runners, as in tests.
    const own = join(root, `${await nameOf(process.pid)}-${randomBytes(4).readUInt32BE()}`);
    const lock = await lockOf(own);
    // Another job runner may have found the file before it was locked, and have removed it.
    if (lock === 'impossible' || (lock !== null && (await exists(own + LOCK)))) return { own, lock };
    lock?.release();
  }
}

async function removeLeftBehind(root: string): Promise<void> {
  const names = await readdir(root);
  // On other file systems a lock may be unknown to the machine that would remove the folder.
  const isLocal = await isLocalFileSystem(root);
  const folders = new Set(names.map((name) => (name.endsWith(LOCK) ? name.slice(0, -LOCK.length) : name)));
  for (const name of folders) {
    const [, host, pid] = /^([0-9a-f]+)-(\d+)-[0-9a-f]+-\d+$/.exec(name) ?? [];
    if (pid === undefined || !(isLocal || host === hostTag())) continue;
    const path = join(root, name);
    const lock = names.includes(name + LOCK) ? await lockOf(path) : 'impossible';
    if (lock === null) continue;
    if (lock === 'impossible') {
      if (host === hostTag() && (await isGone(name, Number(pid)))) await removeTree(path);
    } else {
      await removeTree(path);
      await removeLock(path, lock);
    }
  }
}

/** Null where its job runner, or another one that is just removing it, has it. */
async function lockOf(folder: string): Promise<KernelLock | 'impossible' | null> {
  // The data folder of job runners on PostgreSQL may lie where nothing can be locked.
  return await tryKernelLock(folder + LOCK).catch(() => 'impossible' as const);
}

async function removeLock(folder: string, lock: KernelLock): Promise<void> {
  await rm(folder + LOCK, { force: true });
  lock.release();
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

async function isGone(name: string, pid: number): Promise<boolean> {
  return (await processStart(pid)) === null || !name.startsWith(await nameOf(pid));
}

const hostTag = () => tag(hostname());

function tag(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
