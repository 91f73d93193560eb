/**
 * Writes a file whole or not at all: under a temporary name in the same folder, streamed and hashed on the way, flushed
 * to the disk, renamed, and the folder flushed too, so that a name that exists is complete even after a power cut. A
 * process that was killed leaves its temporary file; whoever writes the same file next on that machine clears it away. Its
 * name tells the PID namespace, since in another one (a container on the same volume) a pid says nothing; what was left
 * there goes once nothing has been written to it for a day.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ContiguaError } from '../../core/errors.ts';
import type { SavedFile } from '../../core/run/progress.ts';
import { isLeftBehind, thisProcess, type Writer } from './node-left-behind.ts';

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
  const own = await thisProcess();
  const mine = `.${basename(path)}.${own.host}-`;
  const temporary = join(folder, `${mine}${own.pid}-${written++}-${own.namespace}.part`);
  const hash = createHash('sha256');
  let sizeBytes = 0;
  try {
    await mkdir(folder, { recursive: true });
    await clearLeftBehind(folder, mine, own);
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

async function clearLeftBehind(folder: string, prefix: string, own: Writer): Promise<void> {
  for (const name of await readdir(folder)) {
    const rest = name.startsWith(prefix) ? name.slice(prefix.length) : '';
    // Earlier versions name no namespace.
    const [, pid, namespace = own.namespace] = /^(\d+)-\d+(?:-(\d+))?\.part$/.exec(rest) ?? [];
    if (pid === undefined) continue;
    const path = join(folder, name);
    if (await isLeftBehind({ host: own.host, pid: Number(pid), namespace }, own, [path]))
      await rm(path, { force: true });
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
