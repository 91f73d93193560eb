/**
 * Makes one process the owner of a folder. Two owners of an embedded database lose data without a word, so a second one
 * is refused and told who the first is; a lock left by `kill -9` is taken over as soon as its process is gone.
 *
 * The lock is a folder of numbered files, one per owner; the highest number owns. A number is taken by hard-linking a
 * finished file to it, which succeeds for one process alone and never shows half a file. Whoever takes over looks again
 * afterwards: had an owner with a higher number come and gone meanwhile, its file would still be there, since releasing
 * a lock empties the file and only a successor removes it. Process ids come again, so an owner is a pid and its start time.
 */
import { execFile } from 'node:child_process';
import { link, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { ContiguaError } from '../../core/errors.ts';

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
});
type Owner = z.infer<typeof owner>;

const MAX_TRIES = 20;
let temporaries = 0;

/** `what` is the folder owned, for the error `database-in-use`. */
export async function lockFolder(lockPath: string, what: string): Promise<FolderLock> {
  await mkdir(lockPath, { recursive: true });
  const mine: Owner = {
    pid: process.pid,
    host: hostname(),
    started: await processStart(process.pid),
    since: new Date().toISOString(),
  };
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const highest = await highestNumber(lockPath);
    const holder = highest === null ? null : await readOwner(fileOf(lockPath, highest));
    if (holder === 'changed') continue;
    if (holder !== null && (await isAlive(holder))) throw inUse(what, holder, lockPath);
    const number = (highest ?? 0) + 1;
    if (!(await take(lockPath, number, JSON.stringify(mine)))) continue;
    if ((await highestNumber(lockPath)) !== number) {
      await rm(fileOf(lockPath, number), { force: true });
      continue;
    }
    await removeBelow(lockPath, number);
    return { release: () => replace(lockPath, number, '') };
  }
  throw new ContiguaError('database-in-use', 'Several processes want this folder at once', {
    file: what,
    hint: 'Start one of them again.',
  });
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

function inUse(what: string, { pid, host, since }: Owner, lockPath: string): ContiguaError {
  return new ContiguaError('database-in-use', 'Another process has this data folder', {
    file: what,
    found: `process ${pid} on ${host}, since ${since}`,
    hint:
      host === hostname()
        ? 'Use that one, stop it, or set CONTIGUA_DATA to another folder; several processes need PostgreSQL (DATABASE_URL).'
        : `If ${host} runs it no more, remove ${lockPath}; several machines need PostgreSQL (DATABASE_URL).`,
  });
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
}
