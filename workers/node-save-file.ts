/**
 * Writes a file whole or not at all: under a temporary name in the same folder, streamed and hashed on the way, flushed
 * to the disk, renamed, and the folder flushed too, so that a name that exists is complete even after a power cut. A
 * process that was killed leaves its temporary file; whoever writes the same file next on that machine clears it away.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ContiguaError } from '../lib/core/errors.ts';
import type { SavedFile } from '../lib/core/run/progress.ts';

/** No space, no quota, larger than the system allows. */
const NO_ROOM: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

let written = 0;

/** Creates the folder if need be; rejects with `disk-full` (and leaves nothing) where there is no room. */
export async function saveFile(
  url: string,
  parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<SavedFile> {
  const path = fileURLToPath(url);
  const folder = dirname(path);
  const mine = `.${basename(path)}.${hostname()}-`;
  const temporary = join(folder, `${mine}${process.pid}-${written++}.part`);
  const hash = createHash('sha256');
  let sizeBytes = 0;
  try {
    await mkdir(folder, { recursive: true });
    await clearLeftBehind(folder, mine);
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

async function clearLeftBehind(folder: string, prefix: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = name.startsWith(prefix) && /^(\d+)-\d+\.part$/.exec(name.slice(prefix.length))?.[1];
    if (pid && !isAlive(Number(pid))) await rm(join(folder, name), { force: true });
  }
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
