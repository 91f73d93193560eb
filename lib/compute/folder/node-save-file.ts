/**
 * Writes a file whole or not at all: under a temporary name in the same folder, streamed and hashed on the way, flushed
 * to the disk, renamed, and the folder flushed too, so that a name that exists is complete even after a power cut. A
 * process that was killed leaves its temporary file; whoever writes the same file next on that machine clears it away. Its
 * name tells the PID namespace, since in another one (a container on the same volume) a pid says nothing; what was left
 * there goes once nothing has been written to it for a day.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readlink, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ContiguaError } from '../../core/errors.ts';
import type { SavedFile } from '../../core/run/progress.ts';

/** No space, no quota, larger than the system allows. */
const NO_ROOM: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

const DAY_MS = 24 * 3600_000;

let written = 0;

/** Creates the folder if need be; rejects with `disk-full` (and leaves nothing) where there is no room. */
export async function saveFile(
  url: string,
  parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<SavedFile> {
  const path = fileURLToPath(url);
  const folder = dirname(path);
  const mine = `.${basename(path)}.${hostname()}-`;
  const namespace = await pidNamespace();
  const temporary = join(folder, `${mine}${process.pid}-${written++}-${namespace}.part`);
  const hash = createHash('sha256');
  let sizeBytes = 0;
  try {
    await mkdir(folder, { recursive: true });
    await clearLeftBehind(folder, mine, namespace);
    const file = await open(temporary, 'wx');
    try {
      for await (const part of parts) {
        hash.update(part);
        await writeAll(file, part);
        sizeBytes += part.byteLength;
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw isNoRoom(thrown) ? diskFull(path, sizeBytes) : thrown;
  }
  await flushFolder(folder);
  return { url: pathToFileURL(path).href, sizeBytes, sha256: hash.digest('hex') };
}

/** One write call may take less than it was given, with no error, when the disk is nearly full. */
async function writeAll(file: Awaited<ReturnType<typeof open>>, part: Uint8Array): Promise<void> {
  for (let done = 0; done < part.byteLength; ) {
    const { bytesWritten } = await file.write(part, done, part.byteLength - done);
    done += bytesWritten;
  }
}

async function clearLeftBehind(folder: string, prefix: string, ownNamespace: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const rest = name.startsWith(prefix) ? name.slice(prefix.length) : '';
    // Earlier versions name no namespace.
    const [, pid, namespace = ownNamespace] = /^(\d+)-\d+(?:-(\d+))?\.part$/.exec(rest) ?? [];
    if (pid === undefined) continue;
    const path = join(folder, name);
    const isLeft = namespace === ownNamespace ? !isAlive(Number(pid)) : await isOlderThan(path, DAY_MS);
    if (isLeft) await rm(path, { force: true });
  }
}

/** Its number; 0 where the system has none. */
async function pidNamespace(): Promise<string> {
  const name = await readlink('/proc/self/ns/pid').catch(() => '');
  return /\d+/.exec(name)?.[0] ?? '0';
}

async function isOlderThan(path: string, ageMs: number): Promise<boolean> {
  const info = await stat(path).catch(() => null);
  return info !== null && Date.now() - info.mtimeMs > ageMs;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return !(thrown instanceof Error && 'code' in thrown && thrown.code === 'ESRCH');
  }
}

async function flushFolder(folder: string): Promise<void> {
  // Windows opens no folders, and its file systems log the rename themselves.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isNoRoom(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && NO_ROOM.has(thrown.code);
}

function diskFull(path: string, writtenBytes: number): ContiguaError {
  return new ContiguaError('disk-full', 'There is no room for this file', {
    file: path,
    found: `room for about ${writtenBytes} bytes of it`,
    hint: 'Free space on this disk, or choose another folder, and resume: nothing saved before was touched.',
  });
}
