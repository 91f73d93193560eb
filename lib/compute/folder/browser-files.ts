/**
 * Files of the page's worker: models over HTTP, and states of the analysis that is going on in the browser's own storage
 * (OPFS). States of one analysis are kept: those of others make room when the next one begins, unless another tab is using
 * them, which a lock of the browser tells.
 */
import { ContiguaError } from '../../core/errors.ts';
import { hexOf, sha256 } from '../../core/sha256.ts';
import type { StateStore } from '../../core/states/index.ts';
import { roomBeside, roomIn } from '../stores/opfs-room.ts';
import { nameOf, opfsStates, type StateDirectory } from '../stores/opfs-states.ts';
import type { FileHost } from './file-host.ts';
import { httpFiles } from './http-files.ts';

const FOLDER = 'analyses';
/** Beside the states of analyses, which it is no part of. */
const ROOM_FOLDER = 'room';
const LOCK = 'contigua-analysis-';
const ROOM_LOCK = 'contigua-room';

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

/** States that are stored count: those of the same analysis are read again, and others make room, unless another tab uses them. */
async function roomForStates(bytes: number): Promise<number> {
  const root = await navigator.storage.getDirectory();
  return await navigator.locks.request(ROOM_LOCK, async () => {
    // A tab that was closed meanwhile may have left it.
    await removeRoom(root);
    const others = await usedByOtherTabs();
    const analyses = await root.getDirectoryHandle(FOLDER, { create: true });
    const stored = await sizeOf(analyses, (name) => !others.has(name));
    try {
      return await roomBeside(stored, bytes, async (wanted) => await roomIn(await folderIn(root, ROOM_FOLDER), wanted));
    } finally {
      await removeRoom(root);
    }
  });
}

async function removeRoom(root: FileSystemDirectoryHandle): Promise<void> {
  try {
    await root.removeEntry(ROOM_FOLDER, { recursive: true });
  } catch (thrown) {
    if (nameOf(thrown) !== 'NotFoundError') throw thrown;
  }
}

/** Folders of analyses. Asked under a lock, which tells which locks are this tab's own. */
async function usedByOtherTabs(): Promise<ReadonlySet<string>> {
  const { held = [] } = await navigator.locks.query();
  const own = held.find(({ name }) => name === ROOM_LOCK)?.clientId;
  const names = held.filter(({ clientId }) => clientId !== own).map(({ name = '' }) => name);
  return new Set(names.filter((name) => name.startsWith(LOCK)).map((name) => name.slice(LOCK.length)));
}

async function folderIn(root: FileSystemDirectoryHandle, name: string): Promise<StateDirectory> {
  return (await root.getDirectoryHandle(name, { create: true })) as unknown as StateDirectory;
}

/** What of TypeScript's DOM types for directories is missing in the version used here. */
type Folder = FileSystemDirectoryHandle & { values(): AsyncIterable<FileSystemHandle> };

/** Bytes of all files below a folder, or below some of what is in it. */
async function sizeOf(
  folder: FileSystemDirectoryHandle,
  counts: (name: string) => boolean = () => true,
): Promise<number> {
  let bytes = 0;
  for await (const entry of (folder as Folder).values()) {
    if (!counts(entry.name)) continue;
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
      .request(`${LOCK}${name}`, { ifAvailable: true }, async (held) => {
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
