/**
 * Files of the page's worker: models over HTTP, and states of the analysis that is going on in the browser's own storage
 * (OPFS). States of one analysis are kept: those of others make room when the next one begins, unless another tab is using
 * them, which a lock of the browser tells.
 */
import { ContiguaError } from '../../core/errors.ts';
import { hexOf, sha256 } from '../../core/sha256.ts';
import type { StateStore } from '../../core/states/index.ts';
import { roomIn } from '../stores/opfs-room.ts';
import { nameOf, opfsStates, type StateDirectory } from '../stores/opfs-states.ts';
import type { FileHost } from './file-host.ts';
import { httpFiles } from './http-files.ts';

const FOLDER = 'analyses';
/** Beside the states of analyses, which it is no part of. */
const ROOM_FOLDER = 'room';
/** Of what the browser grants: reports and settings are stored as well. */
const ROOM_SHARE = 0.9;

export function browserFiles(): FileHost {
  return { ...httpFiles(), openStates, roomForStates };
}

async function openStates(_url: string, sizeBytes: number, key: string): Promise<StateStore> {
  const name = hexOf(await sha256(new TextEncoder().encode(key))).slice(0, 32);
  const unlock = await lock(name);
  if (!unlock) {
    throw new ContiguaError('run-conflict', 'Another tab is running this analysis', {
      hint: 'Let it finish there, or close that tab.',
    });
  }
  try {
    const root = await (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true });
    await removeOthers(root, name);
    return withEnd(await opfsStates(await folderIn(root, name), sizeBytes), unlock);
  } catch (thrown) {
    unlock();
    throw thrown;
  }
}

async function removeOthers(root: FileSystemDirectoryHandle, own: string): Promise<void> {
  for await (const name of (root as unknown as StateDirectory).keys()) {
    if (name === own) continue;
    const unlock = await lock(name);
    if (!unlock) continue;
    await root.removeEntry(name, { recursive: true }).finally(unlock);
  }
}

/** States that are stored count: those of the same analysis are read again, and others make room. */
async function roomForStates(bytes: number): Promise<number> {
  const root = await navigator.storage.getDirectory();
  return await navigator.locks.request('contigua-room', async () => {
    const stored = await sizeOf(await root.getDirectoryHandle(FOLDER, { create: true }));
    if (bytes <= stored) return bytes;
    const room = await roomIn(await folderIn(root, ROOM_FOLDER), (bytes - stored) / ROOM_SHARE);
    await root.removeEntry(ROOM_FOLDER, { recursive: true });
    return stored + ROOM_SHARE * room;
  });
}

async function folderIn(root: FileSystemDirectoryHandle, name: string): Promise<StateDirectory> {
  return (await root.getDirectoryHandle(name, { create: true })) as unknown as StateDirectory;
}

/** What of TypeScript's DOM types for directories is missing in the version used here. */
type Folder = FileSystemDirectoryHandle & { values(): AsyncIterable<FileSystemHandle> };

/** Bytes of all files below a folder. */
async function sizeOf(folder: FileSystemDirectoryHandle): Promise<number> {
  let bytes = 0;
  for await (const entry of (folder as Folder).values()) {
    try {
      bytes +=
        entry.kind === 'directory'
          ? await sizeOf(entry as FileSystemDirectoryHandle)
          : (await (entry as FileSystemFileHandle).getFile()).size;
    } catch (thrown) {
      // Another tab may remove its states meanwhile.
      if (nameOf(thrown) !== 'NotFoundError') throw thrown;
    }
  }
  return bytes;
}

/** Null where another tab holds it. It ends with the worker. */
async function lock(name: string): Promise<(() => void) | null> {
  return await new Promise((resolve, reject) => {
    navigator.locks
      .request(`contigua-analysis-${name}`, { ifAvailable: true }, async (held) => {
        if (!held) return resolve(null);
        await new Promise<void>((unlock) => resolve(() => unlock()));
      })
      .catch(reject);
  });
}

function withEnd(store: StateStore, end: () => void): StateStore {
  return {
    create: (key, rows, width) => store.create(key, rows, width),
    write: (key, fromRow, values) => store.write(key, fromRow, values),
    seal: (key) => store.seal(key),
    shape: (key) => store.shape(key),
    read: (key, fromRow, toRow) => store.read(key, fromRow, toRow),
    remove: (key) => store.remove(key),
    clear: () => store.clear(),
    get usage() {
      return store.usage;
    },
    dispose: () => store.dispose().finally(end),
  };
}
