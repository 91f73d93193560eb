/**
 * A folder for what a command keeps while it runs. The command removes it at its end. One that a killed command left is removed by the
 * next that makes such a folder in the same place: its name tells whose it was.
 */
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isLeftBehind, thisProcess, type Writer } from '../lib/compute/folder/node-left-behind.ts';

/** `prefix` says what for, such as `contigua-maps`. */
export async function makeScratchFolder(parent: string, prefix: string): Promise<string> {
  await mkdir(parent, { recursive: true });
  const own = await thisProcess();
  await removeLeftBehind(parent, prefix, own);
  return await mkdtemp(join(parent, `${prefix}-${own.host}-${own.pid}-${own.namespace}-`));
}

async function removeLeftBehind(parent: string, prefix: string, own: Writer): Promise<void> {
  for (const entry of await readdir(parent, { withFileTypes: true }).catch(() => [])) {
    const writer = entry.isDirectory() ? writerIn(entry.name, prefix) : null;
    const path = join(parent, entry.name);
    if (!writer || !(await isOurs(path))) continue;
    const inside = await readdir(path).catch(() => []);
    if (!(await isLeftBehind(writer, own, [path, ...inside.map((name) => join(path, name))]))) continue;
    // Another command may be removing it too.
    await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Null for a name that this file did not make. */
function writerIn(name: string, prefix: string): Writer | null {
  const rest = name.startsWith(`${prefix}-`) ? name.slice(prefix.length + 1) : '';
  const [, host, pid, namespace] = /^(.+)-(\d+)-(\d+)-\w{6}$/.exec(rest) ?? [];
  return host !== undefined && namespace !== undefined ? { host, pid: Number(pid), namespace } : null;
}

/** Temporary files of the system are those of all its users. */
async function isOurs(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => null);
  return info !== null && (process.getuid === undefined || info.uid === process.getuid());
}
