/**
 * Makes one process the owner of a folder. Two owners of an embedded database lose data without a word, so a second one
 * is refused and told who the first is; a lock left by `kill -9` is free as soon as its process is gone.
 *
 * Two locks are taken. The kernel's (kernel-lock.ts) decides. Below it lies the lock that versions before it know, so that
 * one of those that still runs is refused as well: numbered files, one per owner, the highest of which owns. A number is
 * taken by hard-linking a finished file to it, which succeeds for one process alone and never shows half a file. Releasing
 * empties the file, and only a successor removes it, so whoever takes over sees an owner that came and went meanwhile.
 * Such an owner is judged by its pid and start time, which say nothing in another container.
 */
import { execFile } from 'node:child_process';
import { link, mkdir, readdir, readFile, readlink, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { ContiguaError } from '../../core/errors.ts';
import { isLocalFileSystem, type KernelLock, tryKernelLock } from './kernel-lock.ts';

export interface FolderLock {
  release(): Promise<void>;
}

const owner = z.object({
  pid: z.int(),
  host: z.string(),
  /** Of the process, as this system tells it; null where it tells nothing. */
  started: z.string().nullable(),
  /** ISO 8601 */
  since: z.string(),
  /** It held the kernel's lock too; absent from versions that knew none. */
  kernel: z.literal(true).optional(),
  /** The process that keeps it running and whose end it follows, if there is one; its pid means nothing elsewhere. */
  parent: z.object({ pid: z.int(), started: z.string().nullable(), namespace: z.string().nullable() }).optional(),
});
type Owner = z.infer<typeof owner>;

const KERNEL_FILE = 'held';
const MAX_TRIES = 20;
const LOOK_EVERY_MS = 200;
/** Training stores a checkpoint before its process ends: as long as lib/server/host.ts gives it. */
const ENDING_MS = 180_000;
let temporaries = 0;

/**
 * `what` is the folder owned, for the error `database-in-use`. An owner that is about to end, because the process that kept
 * it running is gone, is waited for; `report` says so.
 */
export async function lockFolder(
  lockPath: string,
  what: string,
  report: (sentence: string) => void = () => {},
): Promise<FolderLock> {
  await mkdir(lockPath, { recursive: true, mode: 0o700 });
  const kernel = await kernelLock(lockPath, (pid) =>
    report(`Waiting for process ${pid}, which is ending, to release ${what}.`),
  );
  if (!kernel) throw inUse(what, await currentOwner(lockPath), lockPath);
  try {
    const number = await takeNumber(lockPath, what);
    return {
      async release() {
        await replace(lockPath, number, '');
        kernel.release();
      },
    };
  } catch (thrown) {
    kernel.release();
    throw thrown;
  }
}

async function kernelLock(lockPath: string, onWait: (pid: number) => void): Promise<KernelLock | null> {
  const path = join(lockPath, KERNEL_FILE);
  let waiting = false;
  for (const begun = Date.now(); ; await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))) {
    const lock = await tryKernelLock(path);
    if (lock || Date.now() - begun > ENDING_MS) return lock;
    const owner = await currentOwner(lockPath);
    if (!owner || !(await isEnding(owner))) return null;
    if (!waiting) onWait(owner.pid);
    waiting = true;
  }
}

/** The lock of earlier versions, taken by whoever holds the kernel's. */
async function takeNumber(lockPath: string, what: string): Promise<number> {
  const mine: Owner = {
    pid: process.pid,
    host: hostname(),
    started: await processStart(process.pid),
    since: new Date().toISOString(),
    kernel: true,
    ...(process.connected && { parent: await parentProcess() }),
  };
  const isLocal = await isLocalFileSystem(lockPath);
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const highest = await highestNumber(lockPath);
    const holder = highest === null ? null : await readOwner(fileOf(lockPath, highest));
    if (holder === 'changed') continue;
    // Holding the kernel's lock shows that a former holder of it is gone, wherever it ran.
    const isGone = holder === null || (holder.kernel && isLocal);
    if (!isGone && (await isAlive(holder))) throw inUse(what, holder, fileOf(lockPath, highest ?? 0));
    const number = (highest ?? 0) + 1;
    if (!(await take(lockPath, number, JSON.stringify(mine)))) continue;
    if ((await highestNumber(lockPath)) !== number) {
      await rm(fileOf(lockPath, number), { force: true });
      continue;
    }
    await removeBelow(lockPath, number);
    return number;
  }
  throw new ContiguaError('database-in-use', 'Several processes opened this folder at the same time', {
    file: what,
    hint: 'Start one of them again.',
  });
}

/** For a message only: null where it is just taking or releasing the lock. */
async function currentOwner(lockPath: string): Promise<Owner | null> {
  const highest = await highestNumber(lockPath);
  const found = highest === null ? null : await readOwner(fileOf(lockPath, highest));
  return found === 'changed' ? null : found;
}

function fileOf(lockPath: string, number: number): string {
  return join(lockPath, `${number}.json`);
}

async function highestNumber(lockPath: string): Promise<number | null> {
  const numbers = (await readdir(lockPath)).flatMap((name) => /^(\d+)\.json$/.exec(name)?.[1] ?? []).map(Number);
  return numbers.length === 0 ? null : Math.max(...numbers);
}

/** Null for a released lock; `changed` where a successor has just removed it. */
async function readOwner(path: string): Promise<Owner | null | 'changed'> {
  const text = await readFile(path, 'utf8').catch((thrown: unknown) => {
    if (codeOf(thrown) === 'ENOENT') return undefined;
    throw thrown;
  });
  if (text === undefined) return 'changed';
  return text === '' ? null : owner.parse(JSON.parse(text));
}

async function take(lockPath: string, number: number, text: string): Promise<boolean> {
  const temporary = await writeTemporary(lockPath, text);
  try {
    await link(temporary, fileOf(lockPath, number));
    return true;
  } catch (thrown) {
    if (codeOf(thrown) === 'EEXIST') return false;
    throw thrown;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function replace(lockPath: string, number: number, text: string): Promise<void> {
  await rename(await writeTemporary(lockPath, text), fileOf(lockPath, number));
}

async function writeTemporary(lockPath: string, text: string): Promise<string> {
  const path = join(lockPath, `.${hostname()}-${process.pid}-${temporaries++}.part`);
  await writeFile(path, text);
  return path;
}

/** Former owners' files, and what processes that were killed in between left. */
async function removeBelow(lockPath: string, number: number): Promise<void> {
  for (const name of await readdir(lockPath)) {
    const other = /^(\d+)\.json$/.exec(name)?.[1];
    const left = new RegExp(`^\\.${escaped(hostname())}-(\\d+)-\\d+\\.part$`).exec(name)?.[1];
    const isOld = other !== undefined && Number(other) < number;
    const isLeft = left !== undefined && Number(left) !== process.pid && (await processStart(Number(left))) === null;
    if (isOld || isLeft) await rm(join(lockPath, name), { force: true });
  }
}

/** On another machine nothing can be known, and the safe answer is yes. */
async function isAlive({ pid, host, started }: Owner): Promise<boolean> {
  if (host !== hostname()) return true;
  const now = await processStart(pid);
  return now !== null && (started === null || now === UNKNOWN_START || now === started);
}

async function isEnding(owner: Owner): Promise<boolean> {
  if (!owner.parent || owner.host !== hostname() || owner.parent.namespace !== (await pidNamespace())) return false;
  return !(await isAlive({ ...owner, ...owner.parent }));
}

async function parentProcess(): Promise<Owner['parent']> {
  return { pid: process.ppid, started: await processStart(process.ppid), namespace: await pidNamespace() };
}

/** Null where the system has none. */
function pidNamespace(): Promise<string | null> {
  return readlink('/proc/self/ns/pid').catch(() => null);
}

const UNKNOWN_START = 'unknown';

/**
 * When a process began: clock ticks since a boot named with them where there is /proc, a date from `ps` elsewhere,
 * `unknown` for a living process of a system that has neither; null where there is no such process.
 */
export async function processStart(pid: number): Promise<string | null> {
  try {
    process.kill(pid, 0);
  } catch (thrown) {
    if (codeOf(thrown) === 'ESRCH') return null;
  }
  try {
    const [stat, boot] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    ]);
    // The name, in parentheses, may hold anything; state follows it, then numbers, the start being the 22nd field.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie computes and writes no more.
    return fields[0] === 'Z' ? null : `${boot.trim()} ${fields[19]}`;
  } catch {
    // No /proc here, or the process has just gone.
  }
  const asked = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]).catch(() => null);
  return asked?.stdout.trim() || UNKNOWN_START;
}

/** `proof` is what says so; of another machine's old lock, it is what to remove where that machine is known to be off. */
function inUse(what: string, owner: Owner | null, proof: string): ContiguaError {
  const mayBeGone = owner !== null && owner.host !== hostname() && proof.endsWith('.json');
  return new ContiguaError('database-in-use', 'Another process uses this data folder', {
    file: what,
    found: owner === null ? 'its lock is held' : `process ${owner.pid} on ${owner.host}, since ${owner.since}`,
    hint: mayBeGone
      ? `If that process no longer runs on ${owner.host}, remove ${proof}; several machines need PostgreSQL (DATABASE_URL).`
      : 'Use that process, stop it, or set CONTIGUA_DATA to another folder; several processes need PostgreSQL (DATABASE_URL).',
  });
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
}
