/**
 * Folders in which compute processes write what is then stored: one per worker process, one in it per attempt. What a
 * killed worker left is removed by the next one that starts on this machine and data folder.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { processStart } from '../database/folder-lock.ts';

export interface Scratch {
  /** A fresh folder, by a name that no other attempt of this worker has. */
  folder(name: string): Promise<string>;
  remove(folder: string): Promise<void>;
  close(): Promise<void>;
}

let opened = 0;

export async function openScratch(dataFolder: string): Promise<Scratch> {
  const root = join(dataFolder, 'scratch');
  await mkdir(root, { recursive: true });
  await removeLeftBehind(root);
  // Several workers in one process, as in tests, keep apart.
  const own = join(root, `${await nameOf(process.pid)}-${opened++}`);
  await mkdir(own, { recursive: true });
  return {
    async folder(name) {
      const path = join(own, name);
      await rm(path, { recursive: true, force: true });
      await mkdir(path);
      return path;
    },
    remove: (folder) => removeTree(folder),
    close: () => removeTree(own),
  };
}

/** A process that is just being killed may still write into it. */
const removeTree = (path: string) => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });

/** Host, pid and a digest of the process's start: pids come again, and machines may share the folder. */
async function nameOf(pid: number): Promise<string> {
  return `${hostTag()}-${pid}-${tag((await processStart(pid)) ?? '')}`;
}

async function removeLeftBehind(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    const [, host, pid] = /^([0-9a-f]+)-(\d+)-[0-9a-f]+-\d+$/.exec(name) ?? [];
    if (host !== hostTag() || pid === undefined) continue;
    const running = await processStart(Number(pid));
    if (running === null || !name.startsWith(await nameOf(Number(pid)))) await removeTree(join(root, name));
  }
}

const hostTag = () => tag(hostname());

function tag(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
