/**
 * States in a folder of the browser's OPFS, in a worker: `createSyncAccessHandle` exists only there. OPFS has no rename in
 * every browser: a file is sealed by its header, which is written last, so that publishing needs nothing more. A full
 * quota is told as `disk-full`.
 */
import { ContiguaError } from '../../core/errors.ts';
import { fileStates, type StateFile, type StateFolder, type StateStore } from '../../core/states/index.ts';

const SUFFIX = '.f32';

/** What of TypeScript's webworker library is used here: the project's types are those of a page. */
export interface SyncAccessHandle {
  read(into: Uint8Array, options: { at: number }): number;
  write(bytes: Uint8Array, options: { at: number }): number;
  getSize(): number;
  truncate(size: number): void;
  close(): void;
}
export interface StateFileHandle {
  createSyncAccessHandle(): Promise<SyncAccessHandle>;
  getFile(): Promise<{ readonly size: number }>;
}
export interface StateDirectory {
  getFileHandle(name: string, options?: { create?: boolean }): Promise<StateFileHandle>;
  removeEntry(name: string): Promise<void>;
  keys(): AsyncIterable<string>;
}

export function opfsStates(directory: StateDirectory, budgetBytes = Number.POSITIVE_INFINITY): Promise<StateStore> {
  return fileStates(opfsFolder(directory), budgetBytes);
}

function opfsFolder(directory: StateDirectory): StateFolder {
  return {
    async list() {
      const sizes = new Map<string, number>();
      for await (const file of directory.keys()) {
        if (!file.endsWith(SUFFIX)) continue;
        // One without a header is found when it is asked for; it counts until then.
        sizes.set(file.slice(0, -SUFFIX.length), (await (await directory.getFileHandle(file)).getFile()).size);
      }
      return sizes;
    },
    async create(name) {
      const file = await opened(name, await directory.getFileHandle(`${name}${SUFFIX}`, { create: true }));
      file.truncate();
      return file;
    },
    async publish() {},
    async open(name) {
      const handle = await directory.getFileHandle(`${name}${SUFFIX}`).catch(absent);
      return handle && (await opened(name, handle));
    },
    async remove(name) {
      await directory.removeEntry(`${name}${SUFFIX}`).catch(absent);
    },
  };
}

async function opened(name: string, file: StateFileHandle): Promise<StateFile & { truncate(): void }> {
  const handle = await file.createSyncAccessHandle().catch((thrown: unknown) => {
    if (nameOf(thrown) !== 'NoModificationAllowedError') throw thrown;
    throw new ContiguaError('run-conflict', 'Another tab is using the states of this analysis', {
      file: name,
      hint: 'Close the other tab, or let it finish.',
    });
  });
  return {
    get sizeBytes() {
      return handle.getSize();
    },
    truncate: () => handle.truncate(0),
    async read(at, into) {
      if (handle.read(into, { at }) === into.length) return;
      throw new ContiguaError('artifact-corrupt', 'A stored state ends too early', { file: name });
    },
    async write(at, bytes) {
      let written: number;
      try {
        written = handle.write(bytes, { at });
      } catch (thrown) {
        throw nameOf(thrown) === 'QuotaExceededError' ? full(name) : thrown;
      }
      if (written !== bytes.length) throw full(name);
    },
    async close() {
      handle.close();
    },
  };
}

function full(file: string): ContiguaError {
  return new ContiguaError('disk-full', "The browser's storage has no room for the states of this analysis", {
    file,
    hint: 'Free some space on the disk or in the storage of this site, leave a private window, which stores less, or analyse fewer tokens.',
  });
}

function absent(thrown: unknown): null {
  if (nameOf(thrown) === 'NotFoundError') return null;
  throw thrown;
}

export function nameOf(thrown: unknown): string {
  return typeof thrown === 'object' && thrown !== null && 'name' in thrown ? String(thrown.name) : '';
}
