/**
 * States in a folder on disk. A file is written under a temporary name that carries the process's number and renamed when
 * it is sealed. A disk that is full is told as `disk-full`, and nothing half-written stays.
 */
import { mkdir, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ContiguaError } from '../../core/errors.ts';
import { fileStates, type StateFile, type StateFolder, type StateStore } from '../../core/states/index.ts';

const SEALED = '.f32';
const TEMPORARY = '.part';
const FULL = ['ENOSPC', 'EDQUOT', 'EFBIG'];

/** Makes the folder where there is none. Rejects with `settings-invalid` where that cannot be. */
export async function diskStates(folder: string, budgetBytes = Number.POSITIVE_INFINITY): Promise<StateStore> {
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((thrown: unknown) => {
    if (isFull(thrown)) throw told(folder, thrown);
    throw new ContiguaError('settings-invalid', 'The folder of states cannot be made', {
      file: folder,
      found: thrown instanceof Error ? thrown.message : String(thrown),
      hint: 'Name a folder that you may write to.',
    });
  });
  return await fileStates(diskFolder(folder), budgetBytes);
}

function diskFolder(folder: string): StateFolder {
  const sealed = (name: string) => join(folder, `${name}${SEALED}`);
  const temporary = (name: string) => join(folder, `${name}.${process.pid}${TEMPORARY}`);
  return {
    async list() {
      const sizes = new Map<string, number>();
      for (const file of await readdir(folder)) {
        const path = join(folder, file);
        if (file.endsWith(SEALED)) sizes.set(file.slice(0, -SEALED.length), (await stat(path)).size);
        else if (file.endsWith(TEMPORARY) && !isAlive(Number(file.split('.').at(-2)))) await rm(path, { force: true });
      }
      return sizes;
    },
    create: (name) => opened(temporary(name), 'w+'),
    async publish(name) {
      await rename(temporary(name), sealed(name));
    },
    async open(name) {
      return await opened(sealed(name), 'r').catch((thrown: unknown) => {
        if (codeOf(thrown) === 'ENOENT') return null;
        throw thrown;
      });
    },
    async remove(name) {
      await rm(sealed(name), { force: true });
      await rm(temporary(name), { force: true });
    },
    async removeIfEmpty() {
      await rmdir(folder).catch((thrown: unknown) => {
        if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(codeOf(thrown))) throw thrown;
      });
    },
  };
}

async function opened(path: string, flags: string): Promise<StateFile> {
  const handle = await open(path, flags, 0o600).catch((thrown: unknown) => {
    throw told(path, thrown);
  });
  const { size } = await handle.stat();
  return {
    sizeBytes: size,
    async read(at, into) {
      for (let done = 0; done < into.length; ) {
        const { bytesRead } = await handle.read(into, done, into.length - done, at + done);
        if (bytesRead === 0)
          throw new ContiguaError('artifact-corrupt', 'A stored state ends too early', { file: path });
        done += bytesRead;
      }
    },
    async write(at, bytes) {
      try {
        for (let done = 0; done < bytes.length; ) {
          done += (await handle.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
        }
      } catch (thrown) {
        throw told(path, thrown);
      }
    },
    close: () => handle.close(),
  };
}

/** A full disk as a message; anything else as it is. */
function told(path: string, thrown: unknown): unknown {
  if (!isFull(thrown)) return thrown;
  return new ContiguaError('disk-full', 'There is no room for the states of this analysis', {
    file: path,
    hint: 'Free some space and start again: what was finished is kept. Or name a folder on another disk, or analyse fewer tokens.',
  });
}

/** Of the process that wrote a temporary file: ours is not a leftover. */
function isAlive(pid: number): boolean {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return codeOf(thrown) === 'EPERM';
  }
}

function isFull(thrown: unknown): boolean {
  return FULL.includes(codeOf(thrown));
}

function codeOf(thrown: unknown): string {
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown ? String(thrown.code) : '';
}
