/**
 * Whether what a process wrote under a temporary name was left by it: names tell host, process and PID namespace, since in another
 * namespace (a container on the same volume) a pid says nothing. What is of another host or namespace counts as left once nothing was
 * written to it for a day.
 */
import { readlink, stat } from 'node:fs/promises';
import { hostname } from 'node:os';

const DAY_MS = 24 * 3600_000;

export interface Writer {
  readonly host: string;
  readonly pid: number;
  readonly namespace: string;
}

export async function thisProcess(): Promise<Writer> {
  return { host: hostname(), pid: process.pid, namespace: await pidNamespace() };
}

/** `paths`: what the writer writes to. `own` is this process. */
export async function isLeftBehind(writer: Writer, own: Writer, paths: readonly string[]): Promise<boolean> {
  if (writer.host === own.host && writer.namespace === own.namespace) return !isAlive(writer.pid);
  const written = await Promise.all(paths.map(async (path) => (await stat(path).catch(() => null))?.mtimeMs));
  const known = written.filter((ms) => ms !== undefined);
  return known.length > 0 && Date.now() - Math.max(...known) > DAY_MS;
}

/** Its number; 0 where the system has none. */
async function pidNamespace(): Promise<string> {
  const name = await readlink('/proc/self/ns/pid').catch(() => '');
  return /\d+/.exec(name)?.[0] ?? '0';
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return !(thrown instanceof Error && 'code' in thrown && thrown.code === 'ESRCH');
  }
}
